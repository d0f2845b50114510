using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Augmentations;

/// <summary>For every image some of 14 operations, each as likely as any other, all at one strength.</summary>
[KdAugmentation(
    "rand-augment",
    Description = "Random operations at one strength, for values in [0, 1]",
    Paper = "Cubuk, Zoph, Shlens, Le: RandAugment: Practical automated data augmentation with a reduced search space, 2020"
)]
public sealed class RandAugmentAugmentation : PolicyAugmentation<RandAugmentOptions>
{
    private protected override Move[] Draw(RandomKey key, long height, long width)
    {
        var magnitudes = Magnitudes.Searched(Options.Levels, height, width);
        var moves = new Move[Options.Operations];
        for (var i = 0; i < moves.Length; i++)
        {
            var at = key.Derive((long)i);
            // All but the inversion, which is the last.
            var kind = (Operation)Draws.Below(at.Derive("operation"), (long)Operation.Invert);
            moves[i] = magnitudes.At(kind, Options.Magnitude, Draws.Below(at.Derive("sign"), 2) == 0);
        }
        return moves;
    }
}
