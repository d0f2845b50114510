using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Augmentations;

/// <summary>The options of augmentations that change some images and leave the others.</summary>
public abstract record ChanceOptions
{
    private protected ChanceOptions(double probability) => Probability = probability;

    /// <summary>The probability that an image is changed.</summary>
    /// <value>0 to 1; the default is the augmentation's.</value>
    [Range(0.0, 1.0)]
    public double Probability { get; init; }
}
