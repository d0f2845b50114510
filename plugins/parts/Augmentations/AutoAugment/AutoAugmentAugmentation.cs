using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Augmentations;

/// <summary>
/// For every image one of 25 pairs of operations, each with the probability and the magnitude that were found by search.
/// </summary>
[KdAugmentation(
    "auto-augment",
    Description = "Pairs of operations found by search, for values in [0, 1]",
    Paper = "Cubuk, Zoph, Mane, Vasudevan, Le: AutoAugment: Learning Augmentation Strategies from Data, 2019"
)]
public sealed class AutoAugmentAugmentation : PolicyAugmentation<AutoAugmentOptions>
{
    // The levels that the policies speak of.
    private const int Levels = 10;

    private protected override Move[] Draw(RandomKey key, long height, long width)
    {
        var policy = Options.Policy switch
        {
            "imagenet" => AutoAugmentPolicies.ImageNet,
            "svhn" => AutoAugmentPolicies.Svhn,
            _ => AutoAugmentPolicies.Cifar10,
        };
        var (first, second) = policy[(int)Draws.Below(key.Derive("pair"), policy.Count)];
        var magnitudes = Magnitudes.Searched(Levels, height, width);
        Move One(PolicyMove move, RandomKey at) =>
            Draws.Unit(at.Derive("apply")) < move.Probability
                ? magnitudes.At(move.Kind, move.Level, Draws.Below(at.Derive("sign"), 2) == 0)
                : default;
        return [One(first, key.Derive(0L)), One(second, key.Derive(1L))];
    }
}
