using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>Builds MobileNetV2: groups of inverted residuals (Sandler et al. 2018, table 2) with ReLU in place of ReLU6.</summary>
internal static class MobileNetV2
{
    // Channels, blocks and the stride of the first block; the strides of stem and second group are 1 for small images.
    private static readonly (int Channels, int Blocks, int Stride)[] Groups =
    [
        (16, 1, 1),
        (24, 2, 1),
        (32, 3, 2),
        (64, 4, 2),
        (96, 3, 1),
        (160, 3, 2),
        (320, 1, 1),
    ];

    // The groups with which the published taps end.
    private static readonly int[][] Stages =
    [
        [0, 1],
        [2],
        [3, 4],
        [5, 6],
    ];

    private const int Features = 1280;

    internal static StagedNet Build(MobileNetV2Options options, ImageShape image, FrozenLayers? frozen)
    {
        var cifar = options.Form == MobileNetV2Form.Cifar;
        var net = new StagedNet("mobilenet-v2", frozen);
        var channels = options.Scaled(32);
        net.Append("stem", tree => Ends(tree, cifar, 1, image.Channels, channels, 3, cifar ? 1 : 2));
        var blocks = 0;
        for (var stage = 0; stage < Stages.Length; stage++)
        {
            var groups = Stages[stage];
            net.Append($"layer{stage + 1}", tree => Stage(tree, options, groups, ref channels, ref blocks));
            net.EndsSigned($"layer{stage + 1}");
        }
        net.Append("features", tree => Ends(tree, cifar, 2, channels, Features, 1, 1));
        net.End(Steps.MeanOverPositions, cifar ? "linear" : "classifier.0", Features, image.Classes);
        return cifar ? net : net.NormalByFanOut().SmallClassifier();
    }

    private static Stretch Ends(
        ModuleTree tree,
        bool cifar,
        int number,
        int inputs,
        int outputs,
        int kernel,
        int stride
    )
    {
        var (conv, norm) = cifar ? ($"conv{number}", $"bn{number}") : ($"conv{number}.0", $"conv{number}.1");
        var unit = ConvUnit.Add(tree, conv, norm, inputs, outputs, kernel, stride);
        return (x, _) => unit.RunRelu(x);
    }

    private static Stretch Stage(
        ModuleTree tree,
        MobileNetV2Options options,
        int[] groups,
        ref int channels,
        ref int number
    )
    {
        var blocks = new List<Block>();
        foreach (var group in groups)
        {
            var outputs = options.Scaled(Groups[group].Channels);
            for (var i = 0; i < Groups[group].Blocks; i++)
            {
                var stride = i == 0 ? Groups[group].Stride : 1;
                var expansion = group == 0 ? 1 : options.Expansion;
                blocks.Add(
                    options.Form == MobileNetV2Form.Cifar
                        ? Cifar(tree, $"layers.{number}", channels, outputs, expansion, stride)
                        : Distiller(tree, $"blocks.{group}.{i}.conv", channels, outputs, expansion, stride)
                );
                channels = outputs;
                number++;
            }
        }
        return Steps.Chain(blocks);
    }

    private static Block Distiller(ModuleTree tree, string path, int inputs, int outputs, int expansion, int stride)
    {
        string[] names = ["0", "1", "3", "4", "6", "7"];
        var branch = Branch.Of(tree, [.. names.Select(n => $"{path}.{n}")], inputs, outputs, expansion, stride);
        if (stride == 1 && inputs == outputs)
            return branch.AddToInput;
        return branch.Run;
    }

    private static Block Cifar(ModuleTree tree, string path, int inputs, int outputs, int expansion, int stride)
    {
        string[] names = ["conv1", "bn1", "conv2", "bn2", "conv3", "bn3"];
        var branch = Branch.Of(tree, [.. names.Select(n => $"{path}.{n}")], inputs, outputs, expansion, stride);
        if (stride != 1)
            return branch.Run;
        if (inputs == outputs)
            return branch.AddToInput;
        var shortcut = ConvUnit.Add(tree, $"{path}.shortcut.0", $"{path}.shortcut.1", inputs, outputs, 1);
        return (x, relu, _) =>
        {
            using var other = shortcut.Run(x);
            return branch.Add(x, other, relu, overwrite: true);
        };
    }

    // 1x1 wider, 3x3 for each channel, 1x1 narrow again without an activation.
    private sealed class Branch(ConvUnit wider, ConvUnit each, ConvUnit narrow)
    {
        internal static Branch Of(ModuleTree tree, string[] paths, int inputs, int outputs, int expansion, int stride)
        {
            var inner = inputs * expansion;
            return new(
                ConvUnit.Add(tree, paths[0], paths[1], inputs, inner, 1),
                ConvUnit.Add(tree, paths[2], paths[3], inner, inner, 3, stride, groups: inner),
                ConvUnit.Add(tree, paths[4], paths[5], inner, outputs, 1)
            );
        }

        internal Tensor Run(Tensor x, bool relu, bool overwrite)
        {
            using var filtered = Filtered(x);
            return narrow.Run(filtered, relu);
        }

        internal Tensor AddToInput(Tensor x, bool relu, bool overwrite) => Add(x, x, relu, overwrite);

        internal Tensor Add(Tensor x, Tensor residual, bool relu, bool overwrite)
        {
            using var filtered = Filtered(x);
            return narrow.RunAdd(filtered, residual, relu, overwrite);
        }

        private Tensor Filtered(Tensor x)
        {
            using var wide = wider.RunRelu(x);
            return each.RunRelu(wide);
        }
    }
}
