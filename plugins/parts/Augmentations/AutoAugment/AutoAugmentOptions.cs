using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Augmentations;

/// <summary>The options of <c>auto-augment</c>.</summary>
public sealed record AutoAugmentOptions : PolicyOptions
{
    /// <summary>The data set that the policy was found on.</summary>
    /// <value><c>cifar10</c>, <c>imagenet</c> or <c>svhn</c>; default <c>cifar10</c>.</value>
    [AllowedValues("cifar10", "imagenet", "svhn")]
    public string Policy { get; init; } = "cifar10";
}
