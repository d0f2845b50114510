using System.ComponentModel.DataAnnotations;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>The options of <c>deeplab-v3</c>.</summary>
public sealed record DeepLabV3Options : BackboneOptions
{
    /// <summary>How far the 3x3 convolutions of the pyramid reach, in places of the map.</summary>
    /// <value>Three numbers of 1 to 64; default 12, 24, 36, as published for an output stride of 8.</value>
    [MinLength(3), MaxLength(3)]
    public IReadOnlyList<int> Rates { get; init; } = [12, 24, 36];

    /// <summary>The share of the pyramid's values that training drops.</summary>
    /// <value>0 to below 1; default 0.5, torchvision's.</value>
    [Range(0.0, 1.0, MaximumIsExclusive = true)]
    public double PyramidDropout { get; init; } = 0.5;
}

/// <summary>DeepLabV3: a dilated backbone and convolutions of several dilations side by side (ASPP).</summary>
[KdModel(
    "deeplab-v3",
    Description = "DeepLabV3 on ResNets or MobileNetV2, with an auxiliary head; a class per place, torchvision's names",
    Paper = "Chen, Papandreou, Schroff, Adam: Rethinking Atrous Convolution for Semantic Image Segmentation, 2017"
)]
public sealed class DeepLabV3Plugin : MapModelPlugin<DeepLabV3Options>
{
    private protected override long SmallestSide => 32;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0306</c>: a rate below 1 or above 64.</exception>
    protected override void OnConfigured()
    {
        if (Options.Rates.Any(r => r is < 1 or > 64))
            throw Asker.WrongCombination("has rates below 1 or above 64.", "Correct \"rates\".");
    }

    // torchvision has no dropout in the main head, other code bases have.
    private protected override MapNet Build(ImageShape image, FrozenLayers? frozen) =>
        Backbone.Headed(
            "deeplabv3",
            Options,
            image,
            frozen,
            (tree, inputs) => (Pyramid(tree, inputs, Options.Head), Options.Head)
        );

    private Stretch Pyramid(ModuleTree tree, int inputs, int outputs)
    {
        const string Path = "classifier.0";
        var plain = ConvUnit.Add(tree, $"{Path}.convs.0.0", $"{Path}.convs.0.1", inputs, outputs, 1);
        ConvUnit[] wide =
        [
            .. Options.Rates.Select(
                (rate, i) =>
                    ConvUnit.Add(
                        tree,
                        $"{Path}.convs.{i + 1}.0",
                        $"{Path}.convs.{i + 1}.1",
                        inputs,
                        outputs,
                        3,
                        dilation: rate
                    )
            ),
        ];
        var whole = ConvUnit.Add(tree, $"{Path}.convs.4.1", $"{Path}.convs.4.2", inputs, outputs, 1);
        var project = ConvUnit.Add(tree, $"{Path}.project.0", $"{Path}.project.1", 5 * outputs, outputs, 1);
        return (x, _) =>
        {
            using var scope = NewDisposeScope();
            MapSteps.RequireSeveral(whole, x);
            var everywhere = whole.RunRelu(Traced.Mean(x, [2, 3], keepDim: true));
            Tensor[] all =
            [
                plain.RunRelu(x),
                .. wide.Select(unit => unit.RunRelu(x)),
                MapSteps.Enlarge(everywhere, x.shape[2], x.shape[3], alignCorners: true),
            ];
            var joined = project.RunRelu(Traced.Cat(all, 1));
            return Traced.Dropout(joined, Options.PyramidDropout, project.IsTraining).MoveToOuterDisposeScope();
        };
    }
}
