using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>Builds ResNets: a stem and four stages of residual blocks (He et al. 2016, table 1).</summary>
internal static class ResNet
{
    internal static StagedNet Build(ResNetOptions options, ImageShape image, FrozenLayers? frozen)
    {
        var net = new StagedNet($"resnet{options.Depth}", frozen);
        net.Append("stem", tree => Stem(tree, options, image.Channels));
        var channels = options.Width;
        for (var stage = 1; stage <= 4; stage++)
        {
            var (number, inputs, width) = (stage, channels, options.Width << (stage - 1));
            net.Append($"layer{stage}", tree => Stage(tree, options, number, inputs, width));
            channels = options.Bottlenecks ? 4 * width : width;
        }
        net.End(Steps.MeanOverPositions, Distiller(options) ? "linear" : "fc", channels, image.Classes);
        net.NormalByFanOut();
        if (options.ZeroInitResidual)
            foreach (var (name, norm) in net.named_modules().Where(m => IsLastNorm(options, m.name)))
                nn.init.zeros_(((TorchSharp.Modules.BatchNorm2d)norm).weight);
        return net;
    }

    private static bool Distiller(ResNetOptions options) => options.Naming == ResNetNaming.Distiller;

    private static bool IsLastNorm(ResNetOptions options, string path) =>
        path.StartsWith("layer", StringComparison.Ordinal)
        && path.EndsWith(options.Bottlenecks ? ".bn3" : ".bn2", StringComparison.Ordinal);

    private static Stretch Stem(ModuleTree tree, ResNetOptions options, int channels)
    {
        if (options.Stem == ResNetStem.Small)
        {
            var small = ConvUnit.Add(tree, "conv1", "bn1", channels, options.Width, 3, padding: options.StemPadding);
            return (x, _) => small.RunRelu(x);
        }
        return LargeStem(tree, "", channels, options.Width);
    }

    /// <summary>A 7x7 convolution of stride 2 and a max-pool of stride 2.</summary>
    /// <param name="tree">Where its modules go.</param>
    /// <param name="prefix">What their names begin with.</param>
    /// <param name="channels">Of the image.</param>
    /// <param name="width">Channels of the result.</param>
    internal static Stretch LargeStem(ModuleTree tree, string prefix, int channels, int width)
    {
        var large = ConvUnit.Add(tree, $"{prefix}conv1", $"{prefix}bn1", channels, width, 7, stride: 2);
        return (x, _) =>
        {
            using var full = large.RunRelu(x);
            return Traced.MaxPool2d(full, 3, 2, 1);
        };
    }

    /// <summary>The residual blocks of a stage.</summary>
    /// <param name="tree">Where their modules go.</param>
    /// <param name="options">Depth and naming.</param>
    /// <param name="stage">1 to 4.</param>
    /// <param name="inputs">Channels before it.</param>
    /// <param name="width">Its channels, before the bottlenecks widen them.</param>
    /// <param name="prefix">What their names begin with.</param>
    /// <param name="form">How the convolutions reach; null for the usual stride and no dilation.</param>
    internal static Stretch Stage(
        ModuleTree tree,
        ResNetOptions options,
        int stage,
        int inputs,
        int width,
        string prefix = "",
        DilatedStage? form = null
    )
    {
        var reach = form ?? new(stage > 1 ? 2 : 1, 1, 1);
        var outputs = options.Bottlenecks ? 4 * width : width;
        var blocks = new List<Block>();
        for (var i = 0; i < options.Blocks[stage - 1]; i++)
        {
            var path = $"{prefix}layer{stage}.{i}";
            var (stride, dilation) = i == 0 ? (reach.Stride, reach.First) : (1, reach.Others);
            var branch = options.Bottlenecks
                ? Bottleneck(tree, path, inputs, width, stride, dilation)
                : BasicBlock(tree, path, inputs, width, stride, dilation, reach.Others);
            var shortcut = Shortcut(tree, $"{path}.{(Distiller(options) ? "shortcut" : "downsample")}");
            blocks.Add(Steps.Residual(branch.Inner, branch.Last, shortcut(inputs, outputs, stride)));
            inputs = outputs;
        }
        return Steps.Blocks($"layer{stage}", blocks);
    }

    private static Branch BasicBlock(
        ModuleTree tree,
        string path,
        int inputs,
        int width,
        int stride,
        int dilation,
        int second
    )
    {
        var first = ConvUnit.Add(tree, $"{path}.conv1", $"{path}.bn1", inputs, width, 3, stride, dilation: dilation);
        var last = ConvUnit.Add(tree, $"{path}.conv2", $"{path}.bn2", width, width, 3, dilation: second);
        return new(first.RunRelu, last);
    }

    // The stride stands at the 3x3 convolution, as in torchvision; the paper has it at the first 1x1.
    private static Branch Bottleneck(ModuleTree tree, string path, int inputs, int width, int stride, int dilation)
    {
        var first = ConvUnit.Add(tree, $"{path}.conv1", $"{path}.bn1", inputs, width, 1);
        var second = ConvUnit.Add(tree, $"{path}.conv2", $"{path}.bn2", width, width, 3, stride, dilation: dilation);
        var third = ConvUnit.Add(tree, $"{path}.conv3", $"{path}.bn3", width, 4 * width, 1);
        return new(
            x =>
            {
                using var narrow = first.RunRelu(x);
                return second.RunRelu(narrow);
            },
            third
        );
    }

    private static Func<int, int, int, ConvUnit?> Shortcut(ModuleTree tree, string path) =>
        (inputs, outputs, stride) =>
            stride == 1 && inputs == outputs
                ? null
                : ConvUnit.Add(tree, $"{path}.0", $"{path}.1", inputs, outputs, 1, stride);

    // The convolutions of a block; the last one takes the sum.
    private sealed record Branch(Func<Tensor, Tensor> Inner, ConvUnit Last);
}

/// <summary>How the 3x3 convolutions of a stage reach.</summary>
/// <param name="Stride">Of the first block.</param>
/// <param name="First">Dilation of the first block's first 3x3 convolution: that of the stage before.</param>
/// <param name="Others">Dilation of the others.</param>
internal readonly record struct DilatedStage(int Stride, int First, int Others);
