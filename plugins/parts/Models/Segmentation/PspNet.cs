using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>The options of <c>pspnet</c>.</summary>
public sealed record PspNetOptions : BackboneOptions;

/// <summary>PSPNet: a dilated backbone and means over parts of four sizes beside its map.</summary>
[KdModel(
    "pspnet",
    Description = "PSPNet on ResNets or MobileNetV2, with an auxiliary head; a class per place",
    Paper = "Zhao, Shi, Qi, Wang, Jia: Pyramid Scene Parsing Network, CVPR 2017"
)]
public sealed class PspNetPlugin : MapModelPlugin<PspNetOptions>
{
    // Parts along each side.
    private static readonly long[] Bins = [1, 2, 3, 6];

    private protected override long SmallestSide => 32;

    private protected override MapNet Build(ImageShape image, FrozenLayers? frozen) =>
        Backbone.Headed(
            "pspnet",
            Options,
            image,
            frozen,
            (tree, inputs) =>
            {
                var part = Math.Max(1, inputs / 4);
                return (Pyramid(tree, inputs, part), inputs + 4 * part);
            }
        );

    private static Stretch Pyramid(ModuleTree tree, int inputs, int outputs)
    {
        ConvUnit[] units =
        [
            .. Bins.Select(
                (_, i) =>
                    ConvUnit.Add(tree, $"classifier.0.stages.{i}.1", $"classifier.0.stages.{i}.2", inputs, outputs, 1)
            ),
        ];
        return (x, _) =>
        {
            using var scope = NewDisposeScope();
            MapSteps.RequireSeveral(units[0], x);
            var (height, width) = (x.shape[2], x.shape[3]);
            Tensor[] means =
            [
                .. units.Zip(
                    Bins,
                    (unit, bins) =>
                        MapSteps.Enlarge(unit.RunRelu(MapSteps.PoolTo(x, bins)), height, width, alignCorners: true)
                ),
            ];
            return Traced.Cat([x, .. means], 1).MoveToOuterDisposeScope();
        };
    }
}
