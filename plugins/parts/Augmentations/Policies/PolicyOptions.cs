using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Augmentations;

/// <summary>What the options of all policies have in common.</summary>
public abstract record PolicyOptions
{
    /// <summary>The value of pixels that come from outside the image.</summary>
    /// <value>0 to 1; default 0, black. The papers' code takes the grey 0.5.</value>
    [Range(0.0, 1.0)]
    public double FillValue { get; init; }

    /// <summary>Whether shears, translations and rotations interpolate between pixels instead of taking the nearest.</summary>
    /// <value>Default false.</value>
    public bool Bilinear { get; init; }
}
