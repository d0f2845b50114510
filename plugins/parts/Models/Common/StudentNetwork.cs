using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>
/// A network of a run in an application that goes on with it in TorchSharp: made by what its weight file says of it, trained by
/// whatever the application does, and saved so that <c>kd eval</c>, <c>kd predict</c> and <c>kd export</c> take it.
/// </summary>
/// <remarks>Networks of this assembly's families. An application that only asks takes the package KdPlugins.Student.</remarks>
public sealed class StudentNetwork : IDisposable
{
    private const string RecordKey = "kd.record";

    private readonly JsonObject _record;
    private readonly float[] _mean;
    private readonly float[] _std;

    private StudentNetwork(StagedNet module, JsonObject record)
    {
        (Module, _record) = (module, record);
        ClassNames = [.. record["class_names"]!.AsArray().Select(name => (string)name!)];
        InputShape = [.. record["network_input"]!.AsArray().Select(d => (long)d!)];
        _mean = Floats("mean", 0);
        _std = Floats("std", 1);
    }

    /// <summary>
    /// The network, in evaluation mode: prepared images [batch, channels, height, width] in, logits [batch, classes] out. Its
    /// parameters bear the names of the file.
    /// </summary>
    public StagedNet Module { get; }

    /// <summary>The classes' names in the order of the logits; none where the data set had none.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>[channels, height, width]</summary>
    public IReadOnlyList<long> InputShape { get; }

    /// <summary>Makes the network of a weight file that a run has written, and loads its weights. Starts libtorch where nothing has.</summary>
    /// <param name="path">Such as <c>runs/mine/student.safetensors</c>.</param>
    /// <exception cref="KdException">
    /// <c>KDP0417</c>: it does not say which network it is of, or that is none of these; KDP05xx: it cannot be read, or is damaged.
    /// </exception>
    public static StudentNetwork Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        NativeRuntime.Start();
        var record = ReadRecord(path);
        try
        {
            var module = Make(record, path);
            try
            {
                ModuleWeights.Load(module, path, new() { RefuseNonFinite = true });
                module.eval();
                return new(module, record);
            }
            catch
            {
                module.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException or NullReferenceException)
        {
            throw Refusal(path, $"has a record (kd.record) that cannot be read: {e.Message}");
        }
    }

    /// <summary>Images as the network was trained on them.</summary>
    /// <param name="images">uint8 [batch, channels, height, width], or floating point in [0, 1].</param>
    /// <returns>float32 of the same shape, (x - mean) / std.</returns>
    /// <exception cref="ArgumentException">They have another shape.</exception>
    public Tensor Prepare(Tensor images)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (images.dim() != 4 || !images.shape[1..].SequenceEqual(InputShape))
            throw new ArgumentException(
                $"The network takes images [batch, {string.Join(", ", InputShape)}], got {TensorText.Shape(images.shape)}.",
                nameof(images)
            );
        using var scope = NewDisposeScope();
        var values = images.to(ScalarType.Float32);
        if (images.dtype == ScalarType.Byte)
            values = values / 255;
        var (mean, std) = (tensor(_mean), tensor(_std));
        long[] perChannel = [1, InputShape[0], 1, 1];
        return ((values - mean.view(perChannel)) / std.view(perChannel)).MoveToOuterDisposeScope();
    }

    /// <summary>Saves the present weights with what the file said of the network, but for the results, which were of others.</summary>
    /// <param name="path">A .safetensors file, replaced whole.</param>
    /// <exception cref="KdException"><c>KDP0560</c>: it cannot be written; what was there is untouched.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var record = _record.DeepClone().AsObject();
        record.Remove("results");
        record["weights"] = "trained on by an application";
        var metadata = new Dictionary<string, string> { [RecordKey] = record.ToJsonString() };
        WeightTensors.Save(ModuleWeights.State(Module), path, metadata);
    }

    /// <summary>The module and its weights are gone.</summary>
    public void Dispose() => Module.Dispose();

    private static StagedNet Make(JsonObject record, string path)
    {
        var id = (string)record["network"]!["id"]!;
        var plugin = typeof(StudentNetwork)
            .Assembly.GetTypes()
            .FirstOrDefault(type => type.GetCustomAttribute<KdModelAttribute>()?.Id == id);
        if (plugin is null)
            throw Refusal(path, $"is of a network '{id}', which this package does not have");
        var maker = (IModelPlugin)Activator.CreateInstance(plugin)!;
        var options = record["network"]!["options"]!.ToJsonString();
        maker.Configure(OptionsBinder.Bind(maker.OptionsType, options, $"the record of '{path}'"));
        long[] shape = [.. record["network_input"]!.AsArray().Select(d => (long)d!)];
        var classes = (long)record["outputs"]!;
        var data = new DataInfo(InputKind.Image, shape, TargetKind.ClassIndex, classes, [], [], [], []);
        return maker.Create(new(shape, classes, data)).Module as StagedNet
            ?? throw Refusal(path, $"is of a network '{id}', which answers with a class per place");
    }

    private static JsonObject ReadRecord(string path)
    {
        using var file = SafeTensorsFile.Open(path);
        try
        {
            if (
                file.Metadata.TryGetValue(RecordKey, out var text)
                && JsonNode.Parse(text) is JsonObject record
                && record["network"] is JsonObject
                && record["network_input"] is JsonArray { Count: 3 }
            )
                return record;
        }
        catch (JsonException e)
        {
            throw Refusal(path, $"has a record (kd.record) that is no JSON: {e.Message}");
        }
        throw Refusal(path, "does not say which image network it is of: it has no such kd.record in its metadata");
    }

    private float[] Floats(string name, float otherwise) =>
        _record["normalisation"]?[name] is JsonArray values
            ? [.. values.Select(v => (float)v!)]
            : [.. Enumerable.Repeat(otherwise, (int)InputShape[0])];

    private static KdException Refusal(string path, string what) =>
        new(DataErrors.NetworkFile, $"'{path}' {what}.", "Name a .safetensors file that a run has written.");
}
