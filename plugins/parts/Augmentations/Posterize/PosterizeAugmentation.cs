using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>Keeps the upper bits of the nearest of 256 levels, in some images.</summary>
[KdAugmentation("posterize", Description = "Keeps the upper bits of some images, for values in [0, 1]")]
public sealed class PosterizeAugmentation : ChanceAugmentation<PosterizeOptions>
{
    private protected override Tensor Change(Tensor images, double[] amounts) =>
        ColourOps.Posterize(images, [.. amounts.Select(_ => Options.Bits)]);
}
