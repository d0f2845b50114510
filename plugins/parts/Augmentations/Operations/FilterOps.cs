using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>
/// Filters of float images [N, C, H, W] in [0, 1], as sums of shifted images: no convolution, so every image can have a
/// kernel of its own.
/// </summary>
internal static class FilterOps
{
    /// <summary>
    /// Factor 0 is the image smoothed by [1 1 1; 1 5 1; 1 1 1] / 13, 1 the image, above 1 sharper. The border stays, and so
    /// do images with less than three rows or columns.
    /// </summary>
    public static Tensor Sharpness(Tensor images, double[] factors)
    {
        var (height, width) = (images.shape[2], images.shape[3]);
        if (height < 3 || width < 3)
            return images;
        var rows = images
            .narrow(2, 0, height - 2)
            .add(images.narrow(2, 1, height - 2))
            .add_(images.narrow(2, 2, height - 2));
        var box = rows.narrow(3, 0, width - 2).add(rows.narrow(3, 1, width - 2)).add_(rows.narrow(3, 2, width - 2));
        var inside = images.narrow(2, 1, height - 2).narrow(3, 1, width - 2);
        var smooth = images.clone();
        smooth.narrow(2, 1, height - 2).narrow(3, 1, width - 2).copy_(box.add_(inside.mul(4)).div_(13));
        return ColourOps.Blend(images, smooth, factors);
    }

    /// <summary>
    /// The weighted mean over a square around every pixel, weights exp(-d^2 / (2 sigma^2)) in both directions; beyond the
    /// edge the image is mirrored at its outermost pixels.
    /// </summary>
    /// <param name="images">More than size / 2 rows and columns.</param>
    /// <param name="size">Pixels along a side of the square, odd.</param>
    /// <param name="sigmas">One per image, above 0, in pixels.</param>
    public static Tensor GaussianBlur(Tensor images, int size, double[] sigmas)
    {
        var half = size / 2;
        var kernels = sigmas.Select(s => Kernel(half, s)).ToArray();
        var padded = nn.functional.pad(images, [half, half, half, half], PaddingModes.Reflect);
        var rows = Along(padded, 2, images.shape[2], kernels);
        return Along(rows, 3, images.shape[3], kernels).clamp_(0, 1);
    }

    private static Tensor Along(Tensor padded, int dimension, long length, double[][] kernels)
    {
        Tensor Part(int at) =>
            padded.narrow(dimension, at, length).mul(ColourOps.Column([.. kernels.Select(k => k[at])], padded));
        var sum = Part(0);
        for (var at = 1; at < kernels[0].Length; at++)
            sum = sum.add_(Part(at));
        return sum;
    }

    private static double[] Kernel(int half, double sigma)
    {
        double[] weights =
        [
            .. Enumerable.Range(-half, 2 * half + 1).Select(d => Math.Exp(-0.5 * (d / sigma) * (d / sigma))),
        ];
        var sum = weights.Sum();
        return [.. weights.Select(w => w / sum)];
    }
}
