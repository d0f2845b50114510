using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Augmentations;

/// <summary>The options of <c>horizontal-flip</c>.</summary>
public sealed record HorizontalFlipOptions
{
    /// <summary>The probability that a sample is mirrored.</summary>
    /// <value>0 to 1; default 0.5.</value>
    [Range(0.0, 1.0)]
    public double Probability { get; init; } = 0.5;
}
