namespace KdPlugins.GoodDaKd;

/// <summary>The rectangle of a CutMix, in pixels; the far edges do not belong to it.</summary>
/// <param name="Left">First column.</param>
/// <param name="Top">First row.</param>
/// <param name="Right">Column behind the last.</param>
/// <param name="Bottom">Row behind the last.</param>
public readonly record struct CutMixBox(long Left, long Top, long Right, long Bottom)
{
    /// <summary>
    /// The rectangle of a drawn share and centre, cut at the image's edges. Sides are truncated in double precision and
    /// halves are whole pixels, as in the official code: an odd side loses a pixel.
    /// </summary>
    /// <param name="share">lam, the share that is to stay, in [0, 1].</param>
    /// <param name="x">The centre's column.</param>
    /// <param name="y">The centre's row.</param>
    /// <param name="height">Of the image.</param>
    /// <param name="width">Of the image.</param>
    public static CutMixBox Of(double share, long x, long y, long height, long width)
    {
        // r = sqrt(1 - lam), cut_w = int(W r), cut_h = int(H r) (Yun et al. 2019, equation 2).
        var side = Math.Sqrt(1 - share);
        var (halfWidth, halfHeight) = ((long)(width * side) / 2, (long)(height * side) / 2);
        return new(
            Math.Clamp(x - halfWidth, 0, width),
            Math.Clamp(y - halfHeight, 0, height),
            Math.Clamp(x + halfWidth, 0, width),
            Math.Clamp(y + halfHeight, 0, height)
        );
    }

    /// <summary>The share of the image that really stays.</summary>
    /// <param name="height">Of the image.</param>
    /// <param name="width">Of the image.</param>
    public double Share(long height, long width) => 1 - (double)((Right - Left) * (Bottom - Top)) / (height * width);
}
