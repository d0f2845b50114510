using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>Builds ShuffleNetV1 (Zhang et al. 2018, figure 2): grouped 1x1, shuffle, 3x3 for each channel, grouped 1x1.</summary>
internal static class ShuffleNetV1
{
    private const int StemChannels = 24;
    private static readonly int[] Blocks = [4, 8, 4];

    internal static StagedNet Build(ShuffleNetV1Options options, ImageShape image, FrozenLayers? frozen)
    {
        var net = new StagedNet($"shufflenet-v1-g{options.Groups}", frozen);
        net.Append(
            "stem",
            tree =>
            {
                var unit = ConvUnit.Add(tree, "conv1", "bn1", image.Channels, StemChannels, 1);
                return (x, _) => unit.RunRelu(x);
            }
        );
        var inputs = StemChannels;
        for (var stage = 1; stage <= 3; stage++)
        {
            var (number, from, to) = (stage, inputs, options.Channels << (stage - 1));
            net.Append($"layer{stage}", tree => Stage(tree, options.Groups, number, from, to));
            inputs = to;
        }
        net.End(Steps.MeanOverPositions, "linear", inputs, image.Classes);
        return net;
    }

    private static Stretch Stage(ModuleTree tree, int groups, int stage, int inputs, int outputs)
    {
        var blocks = new List<Block>();
        for (var i = 0; i < Blocks[stage - 1]; i++)
            blocks.Add(Unit(tree, groups, $"layer{stage}.{i}", i == 0 ? inputs : outputs, outputs, i == 0));
        return Steps.Blocks($"layer{stage}", blocks);
    }

    // The first unit of a stage halves the map and appends its averaged input; the others add theirs.
    private static Block Unit(ModuleTree tree, int groups, string path, int inputs, int outputs, bool halves)
    {
        var made = halves ? outputs - inputs : outputs;
        var middle = made / 4;
        var firstGroups = inputs == StemChannels ? 1 : groups;
        var first = ConvUnit.Add(tree, $"{path}.conv1", $"{path}.bn1", inputs, middle, 1, groups: firstGroups);
        var second = ConvUnit.Add(
            tree,
            $"{path}.conv2",
            $"{path}.bn2",
            middle,
            middle,
            3,
            halves ? 2 : 1,
            groups: middle
        );
        var third = ConvUnit.Add(tree, $"{path}.conv3", $"{path}.bn3", middle, made, 1, groups: groups);
        return (x, relu, overwrite) =>
        {
            using var reduced = first.RunRelu(x);
            using var shuffled = Shuffle(reduced, firstGroups);
            using var filtered = second.RunRelu(shuffled);
            if (!halves)
                return third.RunAdd(filtered, x, relu, overwrite);
            using var result = third.Run(filtered);
            using var averaged = Traced.AvgPool2d(x, 3, 2, 1);
            var both = Traced.Cat([result, averaged], 1);
            return relu ? Traced.Relu(both, inPlace: true) : both;
        };
    }

    /// <summary>Channel c of group g goes to place c · groups + g.</summary>
    internal static Tensor Shuffle(Tensor x, int groups)
    {
        if (groups == 1)
            return Traced.Alias(x);
        var (b, c, h, w) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3]);
        return Traced.As(
            x.IsChannelsLast()
                ? InChannelsLast()
                : x.reshape(b, groups, c / groups, h, w).transpose(1, 2).reshape(b, c, h, w),
            [x],
            (graph, v) =>
            {
                var apart = graph.Node("Reshape", [v[0], graph.Longs(0, groups, c / groups, h, w)]);
                var turned = graph.Node("Transpose", [apart], ("perm", new long[] { 0, 2, 1, 3, 4 }));
                return graph.Node("Reshape", [turned, graph.Longs(0, c, h, w)]);
            }
        );

        // The same in the other layout, which the next convolution wants to meet again.
        Tensor InChannelsLast()
        {
            using var last = x.permute(0, 2, 3, 1);
            return last.reshape(b, h, w, groups, c / groups).transpose(3, 4).reshape(b, h, w, c).permute(0, 3, 1, 2);
        }
    }
}
