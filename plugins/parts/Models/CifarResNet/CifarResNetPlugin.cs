using KdPlugins.Sdk;

namespace KdPlugins.Models;

/// <summary>The CIFAR ResNet family for images of any channels, from 8x8 pixels up.</summary>
[KdModel(
    "cifar-resnet",
    Description = "CIFAR ResNets of depth 6n+2, narrow or x4 wide, with the parameter names of published checkpoints",
    Paper = "He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2016"
)]
public sealed class CifarResNetPlugin : ImageModelPlugin<CifarResNetOptions>
{
    private protected override string Member => $"({Options.ToSpec().Name}) ";

    // The last stage still sees 2x2 positions.
    private protected override long SmallestSide => 8;

    private protected override StagedNet Build(ImageShape image, FrozenLayers? frozen) =>
        CifarResNet.Build(Options.ToSpec(), image.Classes, image.Channels, frozen);
}
