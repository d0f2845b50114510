using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>Spreads the 256 levels of every channel so that each is as frequent as any other, in some images.</summary>
[KdAugmentation("equalize", Description = "Spreads the levels of some images evenly, for values in [0, 1]")]
public sealed class EqualizeAugmentation : ChanceAugmentation<EqualizeOptions>
{
    private protected override Tensor Change(Tensor images, double[] amounts) => ColourOps.Equalize(images);
}
