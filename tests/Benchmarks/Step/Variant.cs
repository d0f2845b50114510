using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Benchmarks.Step;

/// <summary>One way to do the same step.</summary>
/// <param name="Name">As on the command line.</param>
/// <param name="Dtype">Float32, or BFloat16 for autocast.</param>
/// <param name="ChannelsLast">Layout of student and images.</param>
/// <param name="Frozen">Whether the teacher is folded and fused.</param>
/// <param name="FusedOptimizer">Our one-call SGD, or TorchSharp's.</param>
internal sealed record Variant(string Name, ScalarType Dtype, bool ChannelsLast, bool Frozen, bool FusedOptimizer)
{
    /// <summary>The product's way first, then what each part of it brings.</summary>
    internal static IReadOnlyList<Variant> All { get; } =
    [
        new("float32", ScalarType.Float32, true, true, true),
        new("bf16", ScalarType.BFloat16, true, true, true),
        new("float32-unfrozen", ScalarType.Float32, true, false, true),
        new("bf16-unfrozen", ScalarType.BFloat16, true, false, true),
        new("float32-plain-sgd", ScalarType.Float32, true, true, false),
        new("float32-nchw", ScalarType.Float32, false, false, false),
        new("bf16-nchw", ScalarType.BFloat16, false, false, false),
    ];

    internal static Variant Named(string name) =>
        All.FirstOrDefault(v => v.Name == name)
        ?? throw new ArgumentException($"no variant {name}; there are {string.Join(", ", All.Select(v => v.Name))}");
}
