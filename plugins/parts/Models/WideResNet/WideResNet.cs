using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>
/// Builds wide ResNets: blocks that normalise and rectify first (Zagoruyko and Komodakis 2016, table 1). What a stage ends
/// with is a signed sum; the norm that follows it is the tap <c>layerN.preact</c>.
/// </summary>
internal static class WideResNet
{
    internal static StagedNet Build(WideResNetOptions options, ImageShape image, FrozenLayers? frozen)
    {
        var k = options.Width;
        var name = $"wrn_{options.Depth}_{k}";
        return Build(name, [16, 16 * k, 32 * k, 64 * k], (options.Depth - 4) / 6, options.Dropout, image, frozen);
    }

    /// <summary>A network of any channels: those of the stem and of the three stages.</summary>
    internal static StagedNet Build(
        string name,
        IReadOnlyList<int> widths,
        int blocks,
        double dropout,
        ImageShape image,
        FrozenLayers? frozen
    )
    {
        var net = new StagedNet(name, frozen);
        net.Append(
            "stem",
            tree =>
            {
                var conv = ConvUnit.Add(tree, "conv1", null, image.Channels, widths[0], 3);
                return (x, _) => conv.Run(x);
            }
        );
        net.EndsSigned("stem");
        for (var stage = 1; stage <= 3; stage++)
        {
            var (number, inputs, outputs) = (stage, widths[stage - 1], widths[stage]);
            net.Append($"layer{stage}", tree => Stage(tree, blocks, dropout, number, inputs, outputs));
            net.EndsSigned($"layer{stage}");
        }
        net.End(tree => Embed(tree, widths[3]), "fc", widths[3], image.Classes);
        return net.NormalByFanOut().ZeroClassifierBias();
    }

    private static Stretch Embed(ModuleTree tree, int channels)
    {
        var norm = tree.Norm("bn1", channels);
        return (x, taps) =>
        {
            var before = taps.Add("layer3.preact", norm.call(x), signed: true);
            var after = taps.Rectify(before);
            var pooled = Traced.Mean(after, [2, 3]);
            taps.Release(after);
            return pooled;
        };
    }

    private static Stretch Stage(ModuleTree tree, int count, double dropout, int stage, int inputs, int outputs)
    {
        var blocks = new List<Stretch>();
        for (var i = 0; i < count; i++)
        {
            var normed = i == 0 && stage > 1 ? $"layer{stage - 1}.preact" : null;
            var stride = i == 0 && stage > 1 ? 2 : 1;
            blocks.Add(Block(tree, $"block{stage}.layer.{i}", dropout, inputs, outputs, stride, normed));
            inputs = outputs;
        }
        return (input, taps) =>
        {
            var x = input;
            foreach (var block in blocks)
            {
                var next = block(x, taps);
                if (!ReferenceEquals(x, input))
                    x.Dispose();
                x = next;
            }
            return x;
        };
    }

    private static Stretch Block(
        ModuleTree tree,
        string path,
        double dropout,
        int inputs,
        int outputs,
        int stride,
        string? normed
    )
    {
        var norm1 = tree.Norm($"{path}.bn1", inputs);
        var first = ConvUnit.Add(tree, $"{path}.conv1", $"{path}.bn2", inputs, outputs, 3, stride);
        var second = ConvUnit.Add(tree, $"{path}.conv2", null, outputs, outputs, 3);
        var shortcut =
            inputs == outputs ? null : ConvUnit.Add(tree, $"{path}.convShortcut", null, inputs, outputs, 1, stride);
        return (x, taps) =>
        {
            var before = norm1.call(x);
            if (normed is not null)
                taps.Add(normed, before, signed: true);
            var active = taps.Rectify(before);
            using var hidden = first.RunRelu(active);
            using var thinned = dropout > 0 ? Traced.Dropout(hidden, dropout, first.IsTraining) : Traced.Alias(hidden);
            // Where the width changes, the shortcut takes the rectified value; else the raw one.
            using var other = shortcut?.Run(active);
            var sum = second.RunAdd(thinned, other ?? x, overwrite: other is not null);
            taps.Release(active);
            return sum;
        };
    }
}
