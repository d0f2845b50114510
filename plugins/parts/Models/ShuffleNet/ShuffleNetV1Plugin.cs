using KdPlugins.Sdk;

namespace KdPlugins.Models;

/// <summary>ShuffleNet with grouped 1x1 convolutions, for small images.</summary>
[KdModel(
    "shufflenet-v1",
    Description = "ShuffleNet of two or three groups, with the parameter names of mdistiller and the CIFAR collections",
    Paper = "Zhang, Zhou, Lin, Sun: ShuffleNet, 2018"
)]
public sealed class ShuffleNetV1Plugin : ImageModelPlugin<ShuffleNetV1Options>
{
    private protected override long SmallestSide => 16;

    private protected override StagedNet Build(ImageShape image, FrozenLayers? frozen) =>
        ShuffleNetV1.Build(Options, image, frozen);
}
