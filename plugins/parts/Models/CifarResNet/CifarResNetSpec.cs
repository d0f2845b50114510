using System.Collections.Immutable;

namespace KdPlugins.Models;

/// <summary>
/// One member of the CIFAR ResNet family (He et al. 2016, section 4.2): a stem and three stages of n two-convolution
/// blocks, depth 6n+2.
/// </summary>
/// <param name="Name">The usual name, such as <c>resnet20</c> or <c>resnet8x4</c>.</param>
/// <param name="BlocksPerStage">n, at least 1.</param>
/// <param name="Widths">Channels of the stem and of the three stages.</param>
public sealed record CifarResNetSpec(string Name, int BlocksPerStage, ImmutableArray<int> Widths)
{
    private static readonly ImmutableArray<int> Narrow = [16, 16, 32, 64];
    private static readonly ImmutableArray<int> Wide = [32, 64, 128, 256];

    /// <summary>6n+2: the number of layers with weights on the longest path.</summary>
    public int Depth => 6 * BlocksPerStage + 2;

    /// <summary>The family as the distillation literature uses it: widths 16-16-32-64, and 32-64-128-256 for "x4".</summary>
    public static ImmutableArray<CifarResNetSpec> All { get; } =
    [
        new("resnet8", 1, Narrow),
        new("resnet14", 2, Narrow),
        new("resnet20", 3, Narrow),
        new("resnet32", 5, Narrow),
        new("resnet44", 7, Narrow),
        new("resnet56", 9, Narrow),
        new("resnet110", 18, Narrow),
        new("resnet8x4", 1, Wide),
        new("resnet32x4", 5, Wide),
    ];

    /// <summary>The member of that name.</summary>
    /// <exception cref="ArgumentException">No member has it; the message lists those that exist.</exception>
    public static CifarResNetSpec Named(string name) =>
        All.FirstOrDefault(s => s.Name == name)
        ?? throw new ArgumentException(
            $"There is no CIFAR ResNet '{name}'. There are: {string.Join(", ", All.Select(s => s.Name))}.",
            nameof(name)
        );
}
