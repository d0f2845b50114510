using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Augmentations;

/// <summary>Turns every image about its middle by a random angle, anticlockwise as torchvision counts it.</summary>
[KdAugmentation("random-rotation", Description = "Turns images by a random angle")]
public sealed class RandomRotationAugmentation : GeometryAugmentation<RandomRotationOptions>
{
    private protected override string Drawn => "angles";

    private protected override double[] Draw(RandomKey key, long height, long width) =>
        [Draws.Even(key.Derive("angle"), Options.Degrees)];

    private protected override (double Least, double Most)[] Ranges(long height, long width) =>
        [(-Options.Degrees, Options.Degrees)];

    private protected override AffineMap Map(double[] drawn) => Turn(drawn[0]);

    /// <summary>Anticlockwise by degrees; maps turn clockwise.</summary>
    internal static AffineMap Turn(double degrees) => AffineMap.Of(angle: -degrees);
}
