using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>
/// An affine map from a place of the result to the place of the image that it shows, in pixels from the image's centre:
/// x' = A x + B y + C, y' = D x + E y + F.
/// </summary>
internal readonly record struct AffineMap(double A, double B, double C, double D, double E, double F)
{
    /// <summary>The result is the image.</summary>
    public static AffineMap Identity { get; } = new(1, 0, 0, 0, 1, 0);

    /// <summary>
    /// The inverse of T C R S Shy Shx C^-1: shears, scales, turns clockwise about a centre, then moves (torchvision's
    /// order).
    /// </summary>
    /// <param name="angle">Degrees, clockwise.</param>
    /// <param name="moveX">Pixels to the right.</param>
    /// <param name="moveY">Pixels down.</param>
    /// <param name="scale">Above 0; 2 shows everything twice as large.</param>
    /// <param name="shearX">Degrees in (-90, 90).</param>
    /// <param name="shearY">Degrees in (-90, 90).</param>
    /// <param name="centreX">Pixels from the image's centre.</param>
    /// <param name="centreY">Pixels from the image's centre.</param>
    public static AffineMap Of(
        double angle = 0,
        double moveX = 0,
        double moveY = 0,
        double scale = 1,
        double shearX = 0,
        double shearY = 0,
        double centreX = 0,
        double centreY = 0
    )
    {
        var (turn, sx, sy) = (
            double.DegreesToRadians(angle),
            double.DegreesToRadians(shearX),
            double.DegreesToRadians(shearY)
        );
        // R Shy Shx, of determinant 1.
        var a = Math.Cos(turn - sy) / Math.Cos(sy);
        var b = -a * Math.Tan(sx) - Math.Sin(turn);
        var c = Math.Sin(turn - sy) / Math.Cos(sy);
        var d = -c * Math.Tan(sx) + Math.Cos(turn);
        var (ia, ib, ic, id) = (d / scale, -b / scale, -c / scale, a / scale);
        var (x, y) = (centreX + moveX, centreY + moveY);
        return new(ia, ib, centreX - ia * x - ib * y, ic, id, centreY - ic * x - id * y);
    }
}

/// <summary>A part of an image: its top left pixel and its size, in pixels.</summary>
internal readonly record struct Part(long Top, long Left, long Height, long Width);

/// <summary>Images whose pixels come from other places: every image by a map of its own.</summary>
internal static class GeometryOps
{
    /// <summary>Every image as its map shows it.</summary>
    /// <param name="images">Float [N, C, H, W].</param>
    /// <param name="maps">N maps.</param>
    /// <param name="bilinear">Whether between pixels, else the nearest one.</param>
    /// <param name="fill">The value from outside.</param>
    public static Tensor Affine(Tensor images, IReadOnlyList<AffineMap> maps, bool bilinear, double fill)
    {
        var (height, width) = (images.shape[2], images.shape[3]);
        var flat = maps.SelectMany(m => new[] { m.A, m.D, m.B, m.E, m.C, m.F }).ToArray();
        // [N, 3, 2], in units of half an image: -1 to 1 from edge to edge.
        var half = tensor([0.5 * width, 0.5 * height], images.dtype, images.device);
        var matrices = tensor(flat, images.dtype, images.device).view(-1, 3, 2).div_(half);
        var x = Centres(width, images).expand(height, width);
        var y = Centres(height, images).unsqueeze(1).expand(height, width);
        var places = stack([x, y, ones_like(x)], 2).view(1, height * width, 3).expand(maps.Count, -1, -1);
        return Sample(images, bmm(places, matrices).view(-1, height, width, 2), bilinear, fill);
    }

    /// <summary>A part of every image, brought to one size (bilinear; nothing from outside the part).</summary>
    /// <param name="images">Float [N, C, H, W].</param>
    /// <param name="parts">N parts that lie inside.</param>
    /// <param name="height">Rows of the result.</param>
    /// <param name="width">Columns of the result.</param>
    /// <param name="bilinear">Whether between pixels, else the nearest one.</param>
    public static Tensor Resized(Tensor images, IReadOnlyList<Part> parts, long height, long width, bool bilinear)
    {
        var y = Places([.. parts.Select(p => p.Top)], [.. parts.Select(p => p.Height)], height, bilinear);
        var x = Places([.. parts.Select(p => p.Left)], [.. parts.Select(p => p.Width)], width, bilinear);
        Tensor Normal(Tensor places, long length) =>
            places.add_(0.5).mul_(2.0 / length).sub_(1).to(images.dtype).to(images.device);
        var (rows, columns) = (Normal(y, images.shape[2]), Normal(x, images.shape[3]));
        var grid = stack([columns.unsqueeze(1).expand(-1, height, -1), rows.unsqueeze(2).expand(-1, -1, width)], 3);
        return Sample(images, grid, bilinear, 0);
    }

    // Float64 [N, length] on the CPU: the pixel of the image that each pixel of the result shows.
    private static Tensor Places(long[] starts, long[] sizes, long length, bool bilinear)
    {
        var (start, size) = (tensor(starts).unsqueeze(1), tensor(sizes).unsqueeze(1));
        var last = start.add(size).sub_(1).to(ScalarType.Float64);
        var at = arange(length, ScalarType.Float64);
        var scale = size.to(ScalarType.Float64).div_(length);
        var places = bilinear ? at.add(0.5).mul(scale).sub_(0.5) : at.mul(scale).floor_();
        return minimum(places.clamp_min_(0).add_(start), last);
    }

    private static Tensor Centres(long length, Tensor like) =>
        arange(length, like.dtype, like.device).sub_(0.5 * length - 0.5);

    // Shifted by the fill, what lies outside is 0 as the sampler has it.
    private static Tensor Sample(Tensor images, Tensor grid, bool bilinear, double fill)
    {
        var mode = bilinear ? GridSampleMode.Bilinear : GridSampleMode.Nearest;
        var shifted = fill == 0 ? images : images.sub(fill);
        var sampled = nn.functional.grid_sample(shifted, grid, mode, align_corners: false);
        return fill == 0 ? sampled : sampled.add_(fill);
    }
}
