using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Augmentations;

/// <summary>For every image one of 14 operations at one of the strengths, both at random (the paper's wide space).</summary>
[KdAugmentation(
    "trivial-augment",
    Description = "One random operation at a random strength, for values in [0, 1]",
    Paper = "Mueller, Hutter: TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation, 2021"
)]
public sealed class TrivialAugmentAugmentation : PolicyAugmentation<TrivialAugmentOptions>
{
    private protected override Move[] Draw(RandomKey key, long height, long width)
    {
        // All but the inversion, which is the last.
        var kind = (Operation)Draws.Below(key.Derive("operation"), (long)Operation.Invert);
        var level = (int)Draws.Below(key.Derive("level"), Options.Levels);
        return [Magnitudes.Wide(Options.Levels).At(kind, level, Draws.Below(key.Derive("sign"), 2) == 0)];
    }
}
