using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>The batch and the data set that a probe's tensors stand for.</summary>
internal static class ProbeData
{
    /// <summary>The names that say what the data set holds.</summary>
    internal static readonly string[] Names = ["data.classes", "data.mean", "data.std", "data.samples"];

    /// <summary>The names that belong to a batch.</summary>
    internal static readonly string[] BatchNames = ["input", "indices", "mask", .. ProbeTargets.Names];

    /// <summary>What the data set holds, as far as the tensors say; input, targets and roles' logits fill what data.* leaves out.</summary>
    /// <param name="input">The tensors.</param>
    /// <param name="classes">The number of classes where data.classes does not say it.</param>
    /// <param name="shape">The shape of a sample where there is none to look at.</param>
    internal static DataInfo Info(ProbeInput input, long classes, long[]? shape = null)
    {
        var sample = input.Peek("input");
        var isTokens = sample is { } s && s.dim() == 2 && !s.is_floating_point();
        return new(
            isTokens ? InputKind.Tokens : InputKind.Image,
            shape ?? SampleShape(sample),
            ProbeTargets.KindOf(input),
            Classes(input, classes),
            [],
            Numbers(input, "data.mean"),
            Numbers(input, "data.std"),
            []
        );
    }

    /// <summary>The shape of the input without the batch dimension, [-1] of token sequences; empty where there is none.</summary>
    internal static long[] SampleShape(Tensor? input) =>
        input is null ? []
        : input.dim() == 2 && !input.is_floating_point() ? [-1]
        : [.. input.shape.Skip(1)];

    /// <summary>data.classes, or the length of soft targets, or the fallback.</summary>
    internal static long Classes(ProbeInput input, long fallback)
    {
        if (input.Peek("target.soft") is { } soft && soft.dim() == 2)
            fallback = soft.shape[1];
        return (long)input.Number("data.classes", fallback);
    }

    /// <summary>The batch. Its tensors are not counted as read.</summary>
    /// <param name="input">The tensors.</param>
    /// <param name="count">The number of samples.</param>
    /// <param name="classes">The number of classes that the student answers with; 0 where that is not known.</param>
    /// <exception cref="KdException"><c>KDP0806</c>: the tensors do not make a batch.</exception>
    internal static Batch Batch(ProbeInput input, long count, long classes)
    {
        var samples = input.Peek("input") ?? empty([count, 0], input.DType);
        var indices = input.Peek("indices") ?? arange(count, ScalarType.Int64);
        var mask = input.Peek("mask");
        if (indices.dtype != ScalarType.Int64 || indices.dim() != 1 || indices.shape[0] != count)
            throw ProbeFault.Input($"'indices' is {TensorText.Describe(indices)}; expected Int64[{count}].");
        if (mask is not null && (mask.dtype != ScalarType.Bool || mask.dim() < 1 || mask.shape[0] != count))
            throw ProbeFault.Input($"'mask' is {TensorText.Describe(mask)}; expected Bool[{count}, length].");
        if (samples.dim() < 1 || samples.shape[0] != count)
            throw ProbeFault.Input($"'input' is {TensorText.Describe(samples)}; expected {count} samples.");
        return new(samples, mask, ProbeTargets.Read(input, count, classes), indices, null);
    }

    private static IReadOnlyList<double> Numbers(ProbeInput input, string name) =>
        input.Find(name) is { } found ? found.to(ScalarType.Float64).flatten().data<double>().ToArray() : [];
}
