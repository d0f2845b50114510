using System.Security.Cryptography;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using Microsoft.ML.OnnxRuntime;
using static TorchSharp.torch;

namespace KdPlugins.OnnxModels;

/// <summary>A file's graph in ONNX Runtime: batches of float32 in, named float32 outputs out.</summary>
internal sealed class OnnxModel : IDisposable
{
    private readonly InferenceSession _session;
    private readonly string _input;

    /// <param name="model">The file.</param>
    /// <param name="path">Where it is, for messages.</param>
    /// <param name="threads">0 for as many as libtorch has.</param>
    /// <param name="asker">Who refuses.</param>
    /// <exception cref="KdException"><c>KDP0417</c>.</exception>
    internal OnnxModel(byte[] model, string path, int threads, Asker asker)
    {
        (Path, Sha256, Asker) = (path, SHA256.HashData(model), asker);
        _session = Start(model, threads > 0 ? threads : get_num_threads());
        try
        {
            if (_session.InputMetadata.Count != 1)
                throw Refusal(
                    $"takes {_session.InputMetadata.Count} inputs ({string.Join(", ", _session.InputMetadata.Keys)}); one is given"
                );
            (_input, var input) = _session.InputMetadata.Single();
            if (!input.IsTensor || input.ElementType != typeof(float) || input.Dimensions.Length < 2)
                throw Refusal(
                    $"takes {input.ElementType?.Name} [{Text(input.Dimensions)}] as '{_input}'; float32 [batch, ...] is given"
                );
            InputDimensions = input.Dimensions;
            Outputs =
            [
                .. _session
                    .OutputMetadata.Where(o => o.Value.IsTensor && o.Value.ElementType == typeof(float))
                    .Select(o => o.Key),
            ];
            if (Outputs.Count == 0)
                throw Refusal("has no output of float32");
        }
        catch
        {
            _session.Dispose();
            throw;
        }
    }

    /// <summary>Where the file is.</summary>
    internal string Path { get; }

    /// <summary>Of the file.</summary>
    internal byte[] Sha256 { get; }

    /// <summary>Who refuses.</summary>
    internal Asker Asker { get; }

    /// <summary>With the batch; -1 where any number does.</summary>
    internal IReadOnlyList<int> InputDimensions { get; }

    /// <summary>The names of its outputs of float32, in the file's order.</summary>
    internal IReadOnlyList<string> Outputs { get; }

    /// <summary>The refusal of the file, to be thrown.</summary>
    /// <param name="what">What follows its name.</param>
    internal KdException Refusal(string what) =>
        Asker.Refusal(Core.DataErrors.NetworkFile, $"cannot use '{Path}': it {what}.");

    internal static string Text(IEnumerable<int> dimensions) =>
        string.Join(", ", dimensions.Select(d => d < 0 ? "any" : $"{d}"));

    /// <summary>The outputs of these names to a batch of any size. A file that takes so many samples at a time gets them in parts.</summary>
    /// <param name="batch">Float32, contiguous, on the CPU.</param>
    /// <param name="names">Of <see cref="Outputs"/>.</param>
    /// <exception cref="KdException"><c>KDP0417</c>: it cannot compute them.</exception>
    internal Dictionary<string, Tensor> Run(Tensor batch, IReadOnlyCollection<string> names)
    {
        var most = InputDimensions[0];
        if (most < 1 || batch.shape[0] == most)
            return RunPart(batch, names);
        using var scope = NewDisposeScope();
        var parts = new List<Dictionary<string, Tensor>>();
        for (var from = 0L; from < batch.shape[0]; from += most)
        {
            // The last part is filled up by a sample that is there, whose answers are not kept.
            using var part = batch.narrow(0, from, Math.Min(most, batch.shape[0] - from));
            using var full = part.index_select(0, arange(most).clamp_max(part.shape[0] - 1));
            parts.Add(RunPart(full, names));
        }
        return names.ToDictionary(
            name => name,
            name => cat([.. parts.Select(p => p[name])], 0).narrow(0, 0, batch.shape[0]).MoveToOuterDisposeScope()
        );
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    private InferenceSession Start(byte[] model, int threads)
    {
        try
        {
            using var settings = new SessionOptions();
            settings.IntraOpNumThreads = threads;
            // What fails is thrown; nothing is printed from a library. Threads that spin would take libtorch's time.
            settings.LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL;
            settings.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
            return new InferenceSession(model, settings);
        }
        catch (OnnxRuntimeException e)
        {
            throw Refusal($"is no ONNX model that can be loaded by itself: {e.Message}");
        }
    }

    private Dictionary<string, Tensor> RunPart(Tensor batch, IReadOnlyCollection<string> names)
    {
        using var input = OrtValue.CreateTensorValueFromMemory(batch.data<float>().ToArray(), batch.shape);
        using var settings = new RunOptions();
        try
        {
            using var results = _session.Run(settings, [_input], [input], names);
            return names
                .Zip(results)
                .ToDictionary(
                    r => r.First,
                    r => tensor(r.Second.GetTensorDataAsSpan<float>().ToArray(), r.Second.GetTensorTypeAndShape().Shape)
                );
        }
        catch (OnnxRuntimeException e)
        {
            throw Refusal($"cannot compute {TensorText.Shape(batch.shape)}: {e.Message}");
        }
    }
}
