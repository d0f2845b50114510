using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Augmentations;

/// <summary>
/// The options of <c>color-jitter</c>. The defaults are SimCLR's for CIFAR (strength 0.5); SimCLR applies it to four
/// images of five.
/// </summary>
public sealed record ColorJitterOptions
{
    /// <summary>The brightness is multiplied by a factor in [1 - value, 1 + value], at least 0.</summary>
    /// <value>0 to 10; default 0.4; 0 leaves it.</value>
    [Range(0.0, 10.0)]
    public double Brightness { get; init; } = 0.4;

    /// <summary>The distance from the image's mean is multiplied by a factor in [1 - value, 1 + value], at least 0.</summary>
    /// <value>0 to 10; default 0.4; 0 leaves it.</value>
    [Range(0.0, 10.0)]
    public double Contrast { get; init; } = 0.4;

    /// <summary>The distance from grey is multiplied by a factor in [1 - value, 1 + value], at least 0.</summary>
    /// <value>0 to 10; default 0.4; 0 leaves it.</value>
    [Range(0.0, 10.0)]
    public double Saturation { get; init; } = 0.4;

    /// <summary>The hue is turned by a share of the circle in [-value, value].</summary>
    /// <value>0 to 0.5; default 0.1; 0 leaves it.</value>
    [Range(0.0, 0.5)]
    public double Hue { get; init; } = 0.1;

    /// <summary>The probability that an image is changed.</summary>
    /// <value>0 to 1; default 1.</value>
    [Range(0.0, 1.0)]
    public double Probability { get; init; } = 1;
}
