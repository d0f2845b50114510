using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.Models;

/// <summary>The CIFAR ResNet family for images of any channels, from 8x8 pixels up.</summary>
[KdModel(
    "cifar-resnet",
    Description = "CIFAR ResNets of depth 6n+2, narrow or x4 wide, with the parameter names of published checkpoints",
    Paper = "He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2016"
)]
public sealed class CifarResNetPlugin : ModelPlugin<CifarResNetOptions>
{
    /// <summary>The smallest height and width: the last stage still sees 2x2 positions.</summary>
    internal const long SmallestSide = 8;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: the input is no image of at least 8x8, or there are no classes.</exception>
    public override INetwork Create(ModelRequest request)
    {
        var spec = Options.ToSpec();
        var shape = request.InputShape.ToArray();
        if (shape.Length != 3)
            throw Unfit(
                spec,
                $"needs images [channels, height, width], the data have the shape {TensorText.Shape(shape)}"
            );
        if (shape[0] < 1 || shape[0] > int.MaxValue || shape[1] < SmallestSide || shape[2] < SmallestSide)
            throw Unfit(
                spec,
                $"needs at least 1 channel and {SmallestSide}x{SmallestSide} pixels, the data have the shape {TensorText.Shape(shape)}"
            );
        if (request.Classes is < 1 or > int.MaxValue)
            throw Unfit(spec, $"needs at least 1 class, the data have {request.Classes}");
        return new CifarResNetNetwork(new CifarResNet(spec, (int)request.Classes, (int)shape[0]), shape);
    }

    private static KdException Unfit(CifarResNetSpec spec, string reason) =>
        new(
            CoreErrors.ShapesDiffer,
            $"Model 'cifar-resnet' ({spec.Name}) {reason}.",
            "Choose another model or data set."
        );
}
