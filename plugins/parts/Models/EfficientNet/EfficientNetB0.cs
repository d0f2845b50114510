using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>
/// Builds EfficientNet-B0 (Tan and Le 2019, table 1) for small images: inverted residuals with swish and a gate for each
/// channel (squeeze and excitation).
/// </summary>
internal static class EfficientNetB0
{
    private static readonly (int Expansion, int Channels, int Blocks, int Kernel, int Stride)[] Groups =
    [
        (1, 16, 1, 3, 1),
        (6, 24, 2, 3, 2),
        (6, 40, 2, 5, 2),
        (6, 80, 3, 3, 2),
        (6, 112, 3, 5, 1),
        (6, 192, 4, 5, 2),
        (6, 320, 1, 3, 1),
    ];

    // The groups that see maps of one size.
    private static readonly int[][] Stages =
    [
        [0, 1],
        [2],
        [3, 4],
        [5, 6],
    ];

    internal static StagedNet Build(EfficientNetB0Options options, ImageShape image, FrozenLayers? frozen)
    {
        var net = new StagedNet("efficientnet-b0", frozen);
        net.Append(
            "stem",
            tree =>
            {
                var unit = ConvUnit.Add(tree, "conv1", "bn1", image.Channels, 32, 3);
                return (x, _) => Swish(unit.Run(x));
            }
        );
        net.EndsSigned("stem"); // swish goes down to -0.28
        var (channels, number) = (32, 0);
        for (var stage = 0; stage < Stages.Length; stage++)
        {
            var groups = Stages[stage];
            net.Append($"layer{stage + 1}", tree => Stage(tree, options, groups, ref channels, ref number));
            net.EndsSigned($"layer{stage + 1}");
        }
        net.End(Steps.MeanOverPositions, "linear", channels, image.Classes);
        net.DropoutBeforeClassifier(options.Dropout);
        return net;
    }

    private static Stretch Stage(
        ModuleTree tree,
        EfficientNetB0Options options,
        int[] groups,
        ref int channels,
        ref int number
    )
    {
        var total = Groups.Sum(group => group.Blocks);
        var blocks = new List<Block>();
        foreach (var (expansion, outputs, count, kernel, firstStride) in groups.Select(g => Groups[g]))
            for (var i = 0; i < count; i++)
            {
                var block = new EfficientNetBlock(
                    tree,
                    $"layers.{number}",
                    channels,
                    outputs,
                    expansion,
                    kernel,
                    i == 0 ? firstStride : 1,
                    options.DropConnect * number / total
                );
                blocks.Add(block.Run);
                channels = outputs;
                number++;
            }
        return Steps.Chain(blocks);
    }

    /// <summary>x · sigmoid(x); the input is given up.</summary>
    internal static Tensor Swish(Tensor x)
    {
        using (x)
            return Traced.Silu(x);
    }
}
