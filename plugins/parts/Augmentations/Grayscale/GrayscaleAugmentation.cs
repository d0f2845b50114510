using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>Takes the colours out of some images: every channel becomes the luma. Images of one channel stay.</summary>
[KdAugmentation("grayscale", Description = "Takes the colours out of some images")]
public sealed class GrayscaleAugmentation : ChanceAugmentation<GrayscaleOptions>
{
    private protected override Tensor Change(Tensor images, double[] amounts) =>
        ColourOps.Luma(images).expand_as(images);
}
