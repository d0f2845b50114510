using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>
/// The stages of classifiers without their last strides, which are made up for by dilation (torchvision's
/// <c>replace_stride_with_dilation</c>: the first block of a stage reaches as far as the stage before).
/// </summary>
internal static class Backbone
{
    private const string Prefix = "backbone.";

    // Of torchvision's MobileNetV2: expansion, channels, blocks, stride; and the tap that ends with them, if any.
    private static readonly (int Expansion, int Channels, int Blocks, int Stride, string Tap)[] Groups =
    [
        (1, 16, 1, 1, ""),
        (6, 24, 2, 2, "layer1"),
        (6, 32, 3, 2, "layer2"),
        (6, 64, 4, 2, ""),
        (6, 96, 3, 1, "layer3"),
        (6, 160, 3, 2, ""),
        (6, 320, 1, 1, "layer4"),
    ];

    /// <summary>Appends <c>stem</c> and <c>layer1</c> to <c>layer4</c>.</summary>
    /// <returns>Channels of the third and of the fourth stage.</returns>
    internal static (int Third, int Fourth) Append(MapNet net, BackboneOptions options, int channels) =>
        options.IsMobile ? Mobile(net, options, channels) : Residual(net, options, channels);

    /// <summary>A network of a backbone, a pyramid over its last stage, and heads: the main one on the pyramid, maybe one beside.</summary>
    /// <param name="name">The network's name before that of the backbone.</param>
    /// <param name="options">Of the backbone and the heads.</param>
    /// <param name="image">What it is made for.</param>
    /// <param name="frozen">The layers it is made of where it is a frozen form; null for new ones.</param>
    /// <param name="pyramid">Makes the pyramid for channels of the last stage, and says how many it gives.</param>
    internal static MapNet Headed(
        string name,
        BackboneOptions options,
        ImageShape image,
        FrozenLayers? frozen,
        Func<ModuleTree, int, (Stretch Run, int Channels)> pyramid
    )
    {
        var net = new MapNet($"{name}-{options.Backbone}", frozen);
        var (third, fourth) = Append(net, options, image.Channels);
        Stretch Head(ModuleTree tree, string path, int first, int inputs, int inner) =>
            MapSteps.Fcn(tree, path, first, inputs, inner, image.Classes, options.Dropout);
        net.End(tree =>
        {
            var (run, channels) = pyramid(tree, fourth);
            var head = Head(tree, "classifier", 1, channels, options.Head);
            return (x, taps) =>
            {
                using var wide = run(x, taps);
                return head(wide, taps);
            };
        });
        if (options.Aux)
            net.Side("layer3", tree => Head(tree, "aux_classifier", 0, third, Math.Max(1, third / 4)));
        return net;
    }

    private static (int, int) Residual(MapNet net, BackboneOptions options, int channels)
    {
        var resnet = options.ResNet;
        var inputs = options.Stem == MapStem.Deep ? 2 * resnet.Width : resnet.Width;
        net.Append(
            "stem",
            tree =>
                options.Stem == MapStem.Deep
                    ? DeepStem(tree, channels, resnet.Width)
                    : KdPlugins.Models.ResNet.LargeStem(tree, Prefix, channels, resnet.Width)
        );
        int[] outputs = new int[5];
        for (var (stage, dilation) = (1, 1); stage <= 4; stage++)
        {
            var (number, before, width) = (stage, inputs, resnet.Width << (stage - 1));
            var strides = stage == 2 || (stage == 3 && options.OutputStride == 16);
            var next = stage > 2 && !strides ? 2 * dilation : dilation;
            var form = new DilatedStage(strides ? 2 : 1, dilation, next);
            net.Append(
                $"layer{stage}",
                tree => KdPlugins.Models.ResNet.Stage(tree, resnet, number, before, width, Prefix, form)
            );
            dilation = next;
            inputs = outputs[stage] = resnet.Bottlenecks ? 4 * width : width;
        }
        return (outputs[3], outputs[4]);
    }

    private static Stretch DeepStem(ModuleTree tree, int channels, int width)
    {
        var first = ConvUnit.Add(tree, $"{Prefix}conv1.0", $"{Prefix}conv1.1", channels, width, 3, stride: 2);
        var second = ConvUnit.Add(tree, $"{Prefix}conv1.3", $"{Prefix}conv1.4", width, width, 3);
        var third = ConvUnit.Add(tree, $"{Prefix}conv1.6", $"{Prefix}bn1", width, 2 * width, 3);
        return (x, _) =>
        {
            using var one = first.RunRelu(x);
            using var two = second.RunRelu(one);
            using var full = third.RunRelu(two);
            return Traced.MaxPool2d(full, 3, 2, 1);
        };
    }

    private static (int, int) Mobile(MapNet net, BackboneOptions options, int channels)
    {
        var inputs = options.Scaled(32);
        net.Append("stem", tree => MobileStem(tree, channels, inputs));
        var (number, stride, dilation, third) = (1, 2, 1, 0);
        var chain = new List<MobileBlock>();
        foreach (var group in Groups)
        {
            var outputs = options.Scaled(group.Channels);
            for (var i = 0; i < group.Blocks; i++)
            {
                var step = i == 0 ? group.Stride : 1;
                var reach = dilation;
                if (step > 1 && stride >= options.OutputStride)
                    (step, dilation) = (1, dilation * 2);
                chain.Add(new($"{Prefix}{number++}.conv", inputs, outputs, group.Expansion, step, reach));
                stride *= step;
                inputs = outputs;
            }
            if (group.Tap.Length == 0)
                continue;
            MobileBlock[] blocks = [.. chain];
            net.Append(group.Tap, tree => Steps.Chain([.. blocks.Select(b => b.Build(tree))]));
            chain.Clear();
            if (group.Tap == "layer3")
                third = inputs;
        }
        return (third, inputs);
    }

    private static Stretch MobileStem(ModuleTree tree, int channels, int outputs)
    {
        var unit = ConvUnit.Add(tree, $"{Prefix}0.0", $"{Prefix}0.1", channels, outputs, 3, stride: 2);
        return (x, _) =>
        {
            using var whole = unit.RunRelu(x);
            return MapSteps.AtMostSix(whole);
        };
    }

    // An inverted residual; its value is linear.
    private sealed record MobileBlock(string Path, int Inputs, int Outputs, int Expansion, int Stride, int Dilation)
    {
        internal Block Build(ModuleTree tree)
        {
            var inner = Inputs * Expansion;
            var first = Expansion == 1 ? null : ConvUnit.Add(tree, $"{Path}.0.0", $"{Path}.0.1", Inputs, inner, 1);
            var at = first is null ? 0 : 1;
            var each = ConvUnit.Add(
                tree,
                $"{Path}.{at}.0",
                $"{Path}.{at}.1",
                inner,
                inner,
                3,
                Stride,
                groups: inner,
                dilation: Dilation
            );
            var narrow = ConvUnit.Add(tree, $"{Path}.{at + 1}", $"{Path}.{at + 2}", inner, Outputs, 1);
            Tensor Filtered(Tensor x)
            {
                using var wide = first?.RunRelu(x);
                using var capped = wide is null ? Traced.Alias(x) : MapSteps.AtMostSix(wide);
                using var filtered = each.RunRelu(capped);
                return MapSteps.AtMostSix(filtered);
            }
            return (x, _, overwrite) =>
            {
                using var filtered = Filtered(x);
                return Stride == 1 && Inputs == Outputs
                    ? narrow.RunAdd(filtered, x, overwrite: overwrite)
                    : narrow.Run(filtered);
            };
        }
    }
}
