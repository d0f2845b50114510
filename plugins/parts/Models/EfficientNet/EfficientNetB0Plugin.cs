using KdPlugins.Sdk;

namespace KdPlugins.Models;

/// <summary>EfficientNet-B0 for small images.</summary>
[KdModel(
    "efficientnet-b0",
    Description = "EfficientNet-B0 with a stem of stride 1, with the parameter names of the CIFAR collections",
    Paper = "Tan, Le: EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, 2019"
)]
public sealed class EfficientNetB0Plugin : ImageModelPlugin<EfficientNetB0Options>
{
    private protected override long SmallestSide => 32;

    private protected override StagedNet Build(ImageShape image, FrozenLayers? frozen) =>
        EfficientNetB0.Build(Options, image, frozen);
}
