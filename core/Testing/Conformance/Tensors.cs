using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

/// <summary>Comparing tensors, and copying the state of modules.</summary>
internal static class Tensors
{
    /// <summary>Whether dtype, shape and every bit agree.</summary>
    internal static bool Same(Tensor a, Tensor b) =>
        a.dtype == b.dtype && a.shape.AsSpan().SequenceEqual(b.shape) && Bytes(a).SequenceEqual(Bytes(b));

    private static ReadOnlySpan<byte> Bytes(Tensor t) => t.detach().cpu().contiguous().bytes;

    /// <summary>Whether every entry is a finite number.</summary>
    internal static bool Finite(Tensor t) => t.detach().to(ScalarType.Float64).isfinite().all().item<bool>();

    /// <summary>The largest difference of two tensors of the same shape.</summary>
    internal static double Difference(Tensor a, Tensor b) =>
        a.NumberOfElements == 0
            ? 0
            : a.detach()
                .cpu()
                .to(ScalarType.Float64)
                .sub(b.detach().cpu().to(ScalarType.Float64))
                .abs()
                .max()
                .item<double>();

    /// <summary>A copy of parameters and buffers by name; empty for no module.</summary>
    internal static Dictionary<string, Tensor> Copy(nn.Module? module) =>
        module is null ? [] : module.state_dict().ToDictionary(e => e.Key, e => e.Value.detach().clone());

    /// <summary>Puts a copy back, in place.</summary>
    internal static void Restore(nn.Module? module, IReadOnlyDictionary<string, Tensor> copy)
    {
        if (module is null)
            return;
        using var _ = no_grad();
        foreach (var (name, value) in module.state_dict())
            value.copy_(copy[name]);
    }

    /// <summary>A batch of images with a class each: floats in [0, 1) that follow from the key.</summary>
    internal static Batch Images(RandomKey key, long[] shape, long count, long classes)
    {
        using var random = key.NewGenerator(CPU);
        var images = rand([count, .. shape], ScalarType.Float32, generator: random);
        var labels = randint(0, classes, [count], ScalarType.Int64, generator: random);
        return new(images, new ClassIndexTarget(labels), arange(count, ScalarType.Int64).add(10));
    }

    /// <summary>Every tensor that a batch holds.</summary>
    internal static IEnumerable<(string Name, Tensor Value)> Of(Batch batch)
    {
        yield return ("input", batch.Input);
        yield return ("indices", batch.Indices);
        if (batch.Mask is { } mask)
            yield return ("mask", mask);
        foreach (var (name, value) in batch.Parameters)
            yield return (name, value);
        switch (batch.Target)
        {
            case ClassIndexTarget t:
                yield return ("labels", t.Labels);
                break;
            case SoftTarget t:
                yield return ("soft targets", t.Values);
                break;
            case ClassMapTarget t:
                yield return ("class map", t.Labels);
                break;
            case TokenTarget t:
                yield return ("tokens", t.Ids);
                yield return ("tokens that count", t.Mask);
                break;
        }
    }

    /// <summary>The first tensor in which two batches differ; null for none.</summary>
    internal static string? Differing(Batch a, Batch b)
    {
        var (first, second) = (Of(a).ToList(), Of(b).ToDictionary(t => t.Name, t => t.Value));
        if (first.Count != second.Count)
            return "the kind of target or the drawn parameters";
        foreach (var (name, value) in first)
            if (!second.TryGetValue(name, out var other) || !Same(value, other))
                return name;
        return null;
    }
}
