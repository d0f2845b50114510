using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>Builds ConvNets: blocks of [3x3 convolution with bias, norm, ReLU, 2x2 pooling], flattened, and a classifier.</summary>
internal static class ConvNet
{
    internal static StagedNet Build(ConvNetOptions options, ImageShape image, FrozenLayers? frozen)
    {
        var net = new StagedNet($"convnet-{string.Join('-', options.Widths)}", frozen);
        var channels = image.Channels;
        for (var i = 0; i < options.Widths.Length; i++)
        {
            var (block, inputs, outputs) = (i, channels, options.Widths[i]);
            net.Append($"layer{i + 1}", tree => Block(tree, options, block, inputs, outputs));
            channels = outputs;
        }
        var size = channels * (image.Height >> options.Widths.Length) * (image.Width >> options.Widths.Length);
        net.End(Steps.Flatten, options.Naming == ConvNetNaming.Blocks ? "fc" : "classifier", size, image.Classes);
        return net;
    }

    private static Stretch Block(ModuleTree tree, ConvNetOptions options, int block, int inputs, int outputs)
    {
        var (conv, norm) = Paths(options, block);
        // A group for each channel is the instance norm, and takes maps of one position too.
        var unit = ConvUnit.Add(
            tree,
            conv,
            options.Norm == BlockNorm.None ? null : norm,
            inputs,
            outputs,
            3,
            bias: true,
            makeNorm: options.Norm == BlockNorm.Instance ? InstanceNorm : null
        );
        var name = $"layer{block + 1}";
        return (x, taps) =>
        {
            var after = Steps.Activated(taps, name, relu => unit.Run(x, relu));
            var pooled =
                options.Pooling == BlockPooling.Average ? Traced.AvgPool2d(after, 2, 2) : Traced.MaxPool2d(after, 2, 2);
            taps.Release(after);
            return pooled;
        };
    }

    // TorchSharp 0.107 leaves the scale and shift of a GroupNorm as the memory was.
    private static nn.Module<Tensor, Tensor> InstanceNorm(int channels)
    {
        var norm = nn.GroupNorm(channels, channels);
        nn.init.ones_(norm.weight);
        nn.init.zeros_(norm.bias!);
        return norm;
    }

    private static (string Conv, string Norm) Paths(ConvNetOptions options, int block)
    {
        if (options.Naming == ConvNetNaming.Blocks)
            return ($"layers.{block}.block.0", $"layers.{block}.block.1");
        var operations = options.Norm == BlockNorm.None ? 3 : 4;
        return ($"features.{block * operations}", $"features.{block * operations + 1}");
    }
}
