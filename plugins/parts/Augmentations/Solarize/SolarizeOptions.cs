using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Augmentations;

/// <summary>The options of <c>solarize</c>. The probability is 0.5 by default.</summary>
public sealed record SolarizeOptions() : ChanceOptions(0.5)
{
    /// <summary>Values from here on are inverted; 1 inverts nothing but white.</summary>
    /// <value>0 to 1; default 0.5 (torchvision has no default; BYOL takes 128 of 255).</value>
    [Range(0.0, 1.0)]
    public double Threshold { get; init; } = 0.5;
}
