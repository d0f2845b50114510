using KdPlugins.Torch.Weights;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Probes through files, as an author in another language makes them.</summary>
internal sealed class ProbeFiles(Kd kd, string plugins)
{
    private int _count;

    /// <summary>Writes tensors into a file of their own.</summary>
    internal string Write(IReadOnlyDictionary<string, Tensor> tensors)
    {
        var path = kd.At($"in-{++_count}.safetensors");
        WeightTensors.Save(tensors, path);
        return path;
    }

    /// <summary>What the command says to tensors.</summary>
    internal KdResult Call(string id, IReadOnlyDictionary<string, Tensor> tensors, params string[] more) =>
        Kd.Call(["probe", id, .. Input(tensors), "--plugins", plugins, "--json", .. more]);

    // A formula of numbers alone takes no tensors.
    private string[] Input(IReadOnlyDictionary<string, Tensor> tensors) =>
        tensors.Count == 0 ? [] : ["--input", Write(tensors)];

    /// <summary>What a probe gives; it has to succeed.</summary>
    internal Dictionary<string, Tensor> Run(
        string id,
        IReadOnlyDictionary<string, Tensor> tensors,
        params string[] more
    )
    {
        var output = kd.At($"out-{++_count}.safetensors");
        var result = Call(id, tensors, [.. more, "--output", output]);
        Assert.True(result.ExitCode == 0, result.Error);
        return Read(output);
    }

    /// <summary>The tensors of a file.</summary>
    internal static Dictionary<string, Tensor> Read(string path)
    {
        using var source = WeightFile.Open(path);
        return source.ToTensors();
    }
}
