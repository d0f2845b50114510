using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.OnnxModels;

/// <summary>A network that an ONNX file holds, for roles that are not trained.</summary>
[KdModel(
    "onnx-teacher",
    Description = "A network that an ONNX file holds, computed by ONNX Runtime; for roles that are not trained"
)]
public sealed class OnnxTeacherPlugin : ModelPlugin<OnnxTeacherOptions>
{
    // What a protobuf message may have.
    private const int LargestFile = int.MaxValue - 64;

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0401</c>, <c>KDP0411</c>: no such file, or not readable; <c>KDP0417</c>: no network that can be used; <c>KDP0303</c>: it
    /// takes other samples, or has other classes; <c>KDP0306</c>: its main output holds probabilities.
    /// </exception>
    public override INetwork Create(ModelRequest request)
    {
        var path = request.PathOf(Options.Path);
        var model = new OnnxModel(Bytes(path), path, Options.Threads, Asker);
        try
        {
            return new OnnxNetwork(model, Options, [.. request.InputShape], request.Classes);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private byte[] Bytes(string path)
    {
        if (!File.Exists(path))
            throw Asker.Refusal(DataErrors.NotFound, $"finds no file '{path}'.");
        try
        {
            return PlainFile.ReadBytes(path, LargestFile);
        }
        catch (UnauthorizedAccessException e)
        {
            throw Asker.Refusal(DataErrors.AccessDenied, $"cannot read '{path}': {e.Message}");
        }
        catch (IOException e)
        {
            throw Asker.Refusal(DataErrors.NetworkFile, $"cannot read '{path}': {e.Message}");
        }
    }
}
