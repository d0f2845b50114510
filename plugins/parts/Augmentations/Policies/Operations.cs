using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>Applies to every image of a batch its own operation: one call per kind of operation.</summary>
internal static class Operations
{
    // A level may come as 170 / 255 or as 170 (1 / 255): neither may miss the threshold 170 by its last bit.
    private const double LastBit = 1e-6;

    /// <summary>The changed images, a new tensor.</summary>
    /// <param name="images">Float [N, 1 or 3, H, W] in [0, 1].</param>
    /// <param name="moves">N operations.</param>
    /// <param name="bilinear">Whether geometry interpolates, else takes the nearest pixel.</param>
    /// <param name="fill">The value from outside the image.</param>
    public static Tensor Apply(Tensor images, Move[] moves, bool bilinear, double fill)
    {
        foreach (var family in moves.Select(m => Family(m.Kind)).Distinct().Order())
            if (family != Operation.Identity)
                images = Rows.Change(
                    images,
                    [.. moves.Select(m => Family(m.Kind) == family)],
                    (some, rows) => Change(some, family, Rows.Of(moves, rows), bilinear, fill)
                );
        return images;
    }

    // All that moves pixels is one affine map per image.
    private static Operation Family(Operation kind) =>
        kind <= Operation.Rotate && kind > Operation.Identity ? Operation.Rotate : kind;

    private static Tensor Change(Tensor images, Operation family, Move[] moves, bool bilinear, double fill)
    {
        double[] Factors() => [.. moves.Select(m => 1 + m.Magnitude)];
        double[] Thresholds() => [.. moves.Select(m => m.Magnitude / 255 - LastBit)];
        return family switch
        {
            Operation.Rotate => GeometryOps.Affine(
                images,
                [.. moves.Select(m => Map(m, images.shape[2], images.shape[3]))],
                bilinear,
                fill
            ),
            Operation.Brightness => ColourOps.Brightness(images, Factors()),
            Operation.Color => ColourOps.Saturation(images, Factors()),
            Operation.Contrast => ColourOps.Contrast(images, Factors()),
            Operation.Sharpness => FilterOps.Sharpness(images, Factors()),
            Operation.Posterize => ColourOps.Posterize(images, [.. moves.Select(m => (int)m.Magnitude)]),
            Operation.Solarize => ColourOps.Solarize(images, Thresholds()),
            Operation.AutoContrast => ColourOps.AutoContrast(images),
            Operation.Equalize => ColourOps.Equalize(images),
            Operation.Invert => ColourOps.Invert(images),
            _ => images,
        };
    }

    // Shears keep the top left corner; their magnitude is the tangent of an angle.
    private static AffineMap Map(Move move, long height, long width)
    {
        double Degrees() => double.RadiansToDegrees(Math.Atan(move.Magnitude));
        var (cornerX, cornerY) = (-0.5 * width, -0.5 * height);
        return move.Kind switch
        {
            Operation.ShearX => AffineMap.Of(shearX: Degrees(), centreX: cornerX, centreY: cornerY),
            Operation.ShearY => AffineMap.Of(shearY: Degrees(), centreX: cornerX, centreY: cornerY),
            Operation.TranslateX => AffineMap.Of(moveX: Math.Truncate(move.Magnitude)),
            Operation.TranslateY => AffineMap.Of(moveY: Math.Truncate(move.Magnitude)),
            _ => AffineMap.Of(angle: -move.Magnitude),
        };
    }
}
