using KdPlugins.Sdk;

namespace KdPlugins.Models;

/// <summary>ResNets of four stages, for small images and for ImageNet's.</summary>
[KdModel(
    "resnet",
    Description = "ResNet-10/18/34/50/101 with the names of torchvision or mdistiller, for small images or ImageNet's",
    Paper = "He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2016"
)]
public sealed class ResNetPlugin : ImageModelPlugin<ResNetOptions>
{
    private protected override string Member => $"(resnet{Options.Depth}) ";

    private protected override long SmallestSide => Options.Stem == ResNetStem.Small ? 8 : 32;

    private protected override StagedNet Build(ImageShape image, FrozenLayers? frozen) =>
        ResNet.Build(Options, image, frozen);
}
