namespace KdPlugins.Augmentations;

/// <summary>The magnitudes of a policy's operations: evenly spaced levels from weak to strong.</summary>
/// <param name="Levels">How many, at least 2.</param>
/// <param name="Shear">The strongest shear.</param>
/// <param name="Translation">The strongest translation as (rows, columns), in pixels.</param>
/// <param name="Rotation">The strongest rotation in degrees.</param>
/// <param name="Colour">The strongest change of a factor.</param>
/// <param name="LostBits">How many bits the strongest posterisation takes.</param>
internal sealed record Magnitudes(
    int Levels,
    double Shear,
    (double Rows, double Columns) Translation,
    double Rotation,
    double Colour,
    int LostBits
)
{
    // AutoAugment translates by up to 150 of ImageNet's 331 pixels.
    private const double Share = 150.0 / 331;

    /// <summary>Those of AutoAugment and RandAugment (torchvision's) for images of this size.</summary>
    public static Magnitudes Searched(int levels, long height, long width) =>
        new(levels, 0.3, (Share * height, Share * width), 30, 0.9, 4);

    /// <summary>Those of TrivialAugment (wide), the same for all sizes.</summary>
    public static Magnitudes Wide(int levels) => new(levels, 0.99, (32, 32), 135, 0.99, 6);

    /// <summary>What an operation's magnitude can be.</summary>
    public static (double Least, double Most) Range(Operation kind) =>
        kind switch
        {
            Operation.ShearX or Operation.ShearY => (-1, 1),
            Operation.TranslateX or Operation.TranslateY => (-65_536, 65_536),
            Operation.Rotate => (-180, 180),
            Operation.Brightness or Operation.Color or Operation.Contrast or Operation.Sharpness => (-1, 1),
            Operation.Posterize => (0, 8),
            Operation.Solarize => (0, 255),
            _ => (0, 0),
        };

    /// <summary>An operation at a level in 0..Levels-1, with the magnitude's sign turned where it has one.</summary>
    public Move At(Operation kind, int level, bool negative)
    {
        var share = (double)level / (Levels - 1);
        double Signed(double strongest) => (negative ? -share : share) * strongest;
        return new(
            kind,
            kind switch
            {
                Operation.ShearX or Operation.ShearY => Signed(Shear),
                Operation.TranslateX => Signed(Translation.Columns),
                Operation.TranslateY => Signed(Translation.Rows),
                Operation.Rotate => Signed(Rotation),
                Operation.Brightness or Operation.Color or Operation.Contrast or Operation.Sharpness => Signed(Colour),
                // Halves to the even number, as torch rounds.
                Operation.Posterize => 8 - Math.Round(share * LostBits, MidpointRounding.ToEven),
                Operation.Solarize => 255 * (1 - share),
                _ => 0,
            }
        );
    }
}
