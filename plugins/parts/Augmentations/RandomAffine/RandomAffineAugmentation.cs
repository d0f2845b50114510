using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Augmentations;

/// <summary>
/// Shears, scales and turns every image about its middle, then moves it, each by a random amount; angles are clockwise, as
/// in torchvision's affine map (its rotation is anticlockwise).
/// </summary>
[KdAugmentation("random-affine", Description = "Turns, moves, scales and shears images at random")]
public sealed class RandomAffineAugmentation : GeometryAugmentation<RandomAffineOptions>
{
    // Angle, pixels to the right, pixels down, scale, shear by x and by y.
    private protected override string Drawn => "parameters";

    private protected override double[] Draw(RandomKey key, long height, long width) =>
        [
            Draws.Even(key.Derive("angle"), Options.Degrees),
            Math.Round(Draws.Even(key.Derive("x"), Options.TranslateX * width)),
            Math.Round(Draws.Even(key.Derive("y"), Options.TranslateY * height)),
            Options.MinScale + Draws.Unit(key.Derive("scale")) * (Options.MaxScale - Options.MinScale),
            Draws.Even(key.Derive("shear-x"), Options.ShearX),
            Draws.Even(key.Derive("shear-y"), Options.ShearY),
        ];

    private protected override (double Least, double Most)[] Ranges(long height, long width)
    {
        static (double, double) Even(double most) => (-most, most);
        return
        [
            Even(Options.Degrees),
            Even(Math.Round(Options.TranslateX * width)),
            Even(Math.Round(Options.TranslateY * height)),
            (Options.MinScale, Options.MaxScale),
            Even(Options.ShearX),
            Even(Options.ShearY),
        ];
    }

    private protected override AffineMap Map(double[] drawn) =>
        AffineMap.Of(drawn[0], drawn[1], drawn[2], drawn[3], drawn[4], drawn[5]);
}
