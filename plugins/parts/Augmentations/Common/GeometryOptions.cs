using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Augmentations;

/// <summary>The options of augmentations that turn and move images.</summary>
public abstract record GeometryOptions
{
    private protected GeometryOptions(double degrees) => Degrees = degrees;

    /// <summary>Images are turned by an angle in [-value, value].</summary>
    /// <value>0 to 180 degrees; the default is the augmentation's.</value>
    [Range(0.0, 180.0)]
    public double Degrees { get; init; }

    /// <summary>Whether pixels are interpolated between neighbours instead of taking the nearest.</summary>
    /// <value>Default false.</value>
    public bool Bilinear { get; init; }

    /// <summary>The value of pixels that come from outside the image.</summary>
    /// <value>-100 to 100; default 0, black before normalising.</value>
    [Range(-100.0, 100.0)]
    public double FillValue { get; init; }
}
