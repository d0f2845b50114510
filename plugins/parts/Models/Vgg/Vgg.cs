using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>Builds VGG networks: five stages of 3x3 convolutions with a max-pool between them.</summary>
internal static class Vgg
{
    // The published form pools a fourth time for images of exactly this height; smaller ones keep 4x4 positions.
    private const long PoolsAgainFrom = 64;

    internal static StagedNet Build(VggOptions options, ImageShape image, FrozenLayers? frozen)
    {
        var net = new StagedNet($"vgg{options.Depth}", frozen);
        var channels = image.Channels;
        var operation = 0;
        for (var i = 0; i < 5; i++)
        {
            var (stage, inputs) = (i, channels);
            var pools =
                i is > 0 and < 4 || (i == 4 && (options.Form == VggForm.Features || image.Height >= PoolsAgainFrom));
            net.Append(
                i == 0 ? "stem" : $"layer{i}",
                tree => Stage(tree, options, stage, inputs, pools, ref operation)
            );
            channels = options.Stages[i][^1];
        }
        if (options.Form == VggForm.Distiller)
        {
            net.End(Steps.MeanOverPositions, "classifier", channels, image.Classes);
            return net.NormalByFanOut().SmallClassifier();
        }
        net.End(_ => (x, _) => Pooled(x), "fc", channels * (image.Height / 32) * (image.Width / 32), image.Classes);
        return net;
    }

    private static Tensor Pooled(Tensor x)
    {
        using var pooled = Traced.MaxPool2d(x, 2, 2);
        return Traced.Flatten(pooled);
    }

    private static Stretch Stage(
        ModuleTree tree,
        VggOptions options,
        int stage,
        int inputs,
        bool pools,
        ref int operation
    )
    {
        var units = new List<ConvUnit>();
        var name = stage == 0 ? "stem" : $"layer{stage}";
        var prefix = options.Form == VggForm.Features ? "features" : $"block{stage}";
        if (options.Form == VggForm.Distiller)
            operation = 0;
        foreach (var outputs in options.Stages[stage])
        {
            units.Add(
                ConvUnit.Add(
                    tree,
                    $"{prefix}.{operation}",
                    options.BatchNorm ? $"{prefix}.{operation + 1}" : null,
                    inputs,
                    outputs,
                    3,
                    bias: true
                )
            );
            operation += options.BatchNorm ? 3 : 2;
            inputs = outputs;
        }
        operation++; // the pooling has a number of its own
        var convolutions = Steps.Blocks(name, [.. units.Select(unit => (Block)((x, relu, _) => unit.Run(x, relu)))]);
        if (!pools)
            return convolutions;
        return (x, taps) =>
        {
            using var pooled = Traced.MaxPool2d(x, 2, 2);
            return convolutions(pooled, taps);
        };
    }
}
