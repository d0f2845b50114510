using KdPlugins.Sdk;

namespace KdPlugins.Models;

/// <summary>MobileNetV2 for small images.</summary>
[KdModel(
    "mobilenet-v2",
    Description = "MobileNetV2 of mdistiller (half width) or of the CIFAR collections, with their parameter names",
    Paper = "Sandler et al.: MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018"
)]
public sealed class MobileNetV2Plugin : ImageModelPlugin<MobileNetV2Options>
{
    private protected override long SmallestSide => 16;

    private protected override StagedNet Build(ImageShape image, FrozenLayers? frozen) =>
        MobileNetV2.Build(Options, image, frozen);
}
