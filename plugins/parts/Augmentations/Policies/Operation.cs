namespace KdPlugins.Augmentations;

/// <summary>The operations of the policies; torchvision's names.</summary>
internal enum Operation
{
    /// <summary>Nothing.</summary>
    Identity,

    /// <summary>Magnitude: columns per row.</summary>
    ShearX,

    /// <summary>Magnitude: rows per column.</summary>
    ShearY,

    /// <summary>Magnitude: pixels to the right, cut to a whole number.</summary>
    TranslateX,

    /// <summary>Magnitude: pixels down, cut to a whole number.</summary>
    TranslateY,

    /// <summary>Magnitude: degrees, anticlockwise.</summary>
    Rotate,

    /// <summary>Magnitude: factor - 1.</summary>
    Brightness,

    /// <summary>Magnitude: factor - 1.</summary>
    Color,

    /// <summary>Magnitude: factor - 1.</summary>
    Contrast,

    /// <summary>Magnitude: factor - 1.</summary>
    Sharpness,

    /// <summary>Magnitude: bits to keep.</summary>
    Posterize,

    /// <summary>Magnitude: threshold of 255.</summary>
    Solarize,

    /// <summary>No magnitude.</summary>
    AutoContrast,

    /// <summary>No magnitude.</summary>
    Equalize,

    /// <summary>No magnitude.</summary>
    Invert,
}

/// <summary>One operation on one image.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Magnitude">In the operation's own unit; 0 where it has none.</param>
internal readonly record struct Move(Operation Kind, double Magnitude);
