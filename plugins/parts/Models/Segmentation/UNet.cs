using System.ComponentModel.DataAnnotations;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>The options of <c>unet</c>.</summary>
public sealed record UNetOptions
{
    /// <summary>Channels of the levels, from the image's size down; each level halves the sides.</summary>
    /// <value>2 to 6 numbers of 2 to 1024; default 16, 32, 64.</value>
    [MinLength(2), MaxLength(6)]
    public IReadOnlyList<int> Widths { get; init; } = [16, 32, 64];

    /// <summary>Whether an auxiliary head on the last level but one, on the way down, gives the tap <c>aux</c>.</summary>
    /// <value>Default true.</value>
    public bool Aux { get; init; } = true;
}

/// <summary>A U-Net: down by max-pooling, up between pixels, with the values of the way down beside those of the way up.</summary>
[KdModel(
    "unet",
    Description = "A small U-Net with batch norms and an auxiliary head; a class per pixel",
    Paper = "Ronneberger, Fischer, Brox: U-Net: Convolutional Networks for Biomedical Image Segmentation, 2015"
)]
public sealed class UNetPlugin : MapModelPlugin<UNetOptions>
{
    private protected override long SmallestSide => 1L << Options.Widths.Count;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0306</c>: a width below 2 or above 1024.</exception>
    protected override void OnConfigured()
    {
        if (Options.Widths.Any(w => w is < 2 or > 1024))
            throw Asker.WrongCombination("has widths below 2 or above 1024.", "Correct \"widths\".");
    }

    private protected override MapNet Build(ImageShape image, FrozenLayers? frozen)
    {
        var (net, widths) = (new MapNet("unet", frozen), Options.Widths);
        net.Append("up1", tree => Body(net, tree, image, widths));
        net.End(tree =>
        {
            var last = ConvUnit.Add(tree, "classifier", null, widths[0], image.Classes, 1, bias: true);
            return (x, _) => last.Run(x);
        });
        return net;
    }

    // layer1, layer2, ... on the way down, aux, and up2, up3, ... on the way up; the last one, up1, is the result.
    private Stretch Body(MapNet net, ModuleTree tree, ImageShape image, IReadOnlyList<int> widths)
    {
        var levels = widths.Count;
        Stretch[] down =
        [
            .. widths.Select((w, i) => Pair(tree, $"down{i + 1}", i == 0 ? image.Channels : widths[i - 1], w)),
        ];
        Stretch[] up = [.. widths.SkipLast(1).Select((w, i) => Pair(tree, $"up{i + 1}", w + widths[i + 1], w))];
        var side = levels - 2;
        var aux = Options.Aux
            ? MapSteps.Fcn(tree, "aux_classifier", 0, widths[side], Math.Max(2, widths[side] / 4), image.Classes, 0.1)
            : null;
        return (input, taps) =>
        {
            using var scope = NewDisposeScope();
            var (ways, x) = (new Tensor[levels], input);
            for (var i = 0; i < levels; i++)
            {
                x = ways[i] = Kept(taps, $"layer{i + 1}", down[i](i == 0 ? x : Traced.MaxPool2d(x, 2, 2), taps));
                if (i == side && aux is not null && taps.Wants(MapNet.Aux))
                    taps.Add(MapNet.Aux, net.Wide(aux(x, taps)), signed: true).MoveToOuterDisposeScope();
            }
            for (var i = levels - 2; i >= 0; i--)
            {
                var large = MapSteps.Enlarge(x, ways[i].shape[2], ways[i].shape[3], alignCorners: true);
                x = up[i](Traced.Cat([ways[i], large], 1), taps);
                if (i > 0)
                    Kept(taps, $"up{i + 1}", x);
            }
            return x.MoveToOuterDisposeScope();
        };
    }

    private static Tensor Kept(TapCollector taps, string name, Tensor value)
    {
        taps.Add(name, value);
        return taps.Holds(value) ? value.MoveToOuterDisposeScope() : value;
    }

    private static Stretch Pair(ModuleTree tree, string path, int inputs, int outputs)
    {
        var first = ConvUnit.Add(tree, $"{path}.0", $"{path}.1", inputs, outputs, 3);
        var second = ConvUnit.Add(tree, $"{path}.3", $"{path}.4", outputs, outputs, 3);
        return (x, _) =>
        {
            using var between = first.RunRelu(x);
            return second.RunRelu(between);
        };
    }
}
