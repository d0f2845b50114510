using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>Inverts the values at or above a threshold, in some images.</summary>
[KdAugmentation("solarize", Description = "Inverts the bright pixels of some images, for values in [0, 1]")]
public sealed class SolarizeAugmentation : ChanceAugmentation<SolarizeOptions>
{
    private protected override Tensor Change(Tensor images, double[] amounts) =>
        ColourOps.Solarize(images, [.. amounts.Select(_ => Options.Threshold)]);
}
