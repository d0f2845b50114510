using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>
/// Changes of colour. Images are float [N, C, H, W] in [0, 1] and so are the results; every image has a factor of its
/// own. The definitions are torchvision's, without its rounding to bytes.
/// </summary>
internal static class ColourOps
{
    /// <summary>The levels of a channel, where an operation is defined on bytes.</summary>
    private const int Levels = 256;

    // 0.2989 R + 0.587 G + 0.114 B (ITU-R 601).
    private static readonly double[] LumaWeights = [0.2989, 0.587, 0.114];

    /// <summary>The brightness of every pixel, [N, 1, H, W]; images of one channel are their own.</summary>
    public static Tensor Luma(Tensor images) =>
        images.shape[1] == 1
            ? images
            : images.mul(tensor(LumaWeights, images.dtype, images.device).view(1, 3, 1, 1)).sum(1, keepdim: true);

    /// <summary>Factor 0 is black, 1 the image.</summary>
    public static Tensor Brightness(Tensor images, double[] factors) =>
        images.mul(Column(factors, images)).clamp_(0, 1);

    /// <summary>Factor 0 is the mean of the image's luma everywhere, 1 the image.</summary>
    public static Tensor Contrast(Tensor images, double[] factors) =>
        Blend(images, Luma(images).mean([1, 2, 3], keepdim: true), factors);

    /// <summary>Factor 0 is the image without colours, 1 the image.</summary>
    public static Tensor Saturation(Tensor images, double[] factors) => Blend(images, Luma(images), factors);

    /// <summary>factor images + (1 - factor) others, cut to [0, 1].</summary>
    public static Tensor Blend(Tensor images, Tensor others, double[] factors)
    {
        var factor = Column(factors, images);
        return images.mul(factor).add_(others.mul(factor.neg().add_(1))).clamp_(0, 1);
    }

    /// <summary>Turns the hue by shares of the circle in [-0.5, 0.5]; images of one channel have none.</summary>
    public static Tensor Hue(Tensor images, double[] turns)
    {
        if (images.shape[1] == 1)
            return images;
        var (hue, saturation, value) = Hsv(images);
        var turned = hue.add(tensor(turns, images.dtype, images.device).view(-1, 1, 1)).remainder(1);
        return Rgb(turned, saturation, value);
    }

    /// <summary>1 - x.</summary>
    public static Tensor Invert(Tensor images) => images.neg().add_(1);

    /// <summary>Inverts what is at least the threshold; 1 inverts nothing but white.</summary>
    public static Tensor Solarize(Tensor images, double[] thresholds) =>
        where(images.ge(Column(thresholds, images)), Invert(images), images);

    /// <summary>Keeps the upper bits (0 to 8) of the nearest of 256 levels.</summary>
    public static Tensor Posterize(Tensor images, int[] bits)
    {
        var steps = Column([.. bits.Select(b => (double)(1 << (8 - b)))], images);
        return images.mul(Levels - 1).round_().div_(steps).floor_().mul_(steps).div_(Levels - 1);
    }

    /// <summary>Stretches every channel to [0, 1]; channels of one value stay.</summary>
    public static Tensor AutoContrast(Tensor images)
    {
        var (low, high) = (images.amin([2, 3], keepdim: true), images.amax([2, 3], keepdim: true));
        var flat = high.eq(low);
        var range = high.sub(low).masked_fill_(flat, 1);
        return images.sub(low.masked_fill(flat, 0)).div_(range).clamp_(0, 1);
    }

    /// <summary>
    /// Spreads the levels of every channel so that each is as frequent as any other: level v becomes
    /// (pixels below v + step / 2) / step with step = (pixels less those of the highest level) / 255, all in integers, as
    /// in Pillow; channels with step 0 stay. Works on the nearest of 256 levels.
    /// </summary>
    public static Tensor Equalize(Tensor images)
    {
        var (count, pixels) = (images.shape[0] * images.shape[1], images.shape[2] * images.shape[3]);
        // [N C, H W]
        var levels = images.mul(Levels - 1).round_().clamp_(0, Levels - 1).to(ScalarType.Int64).reshape(count, pixels);
        var histogram = zeros([count, Levels], ScalarType.Int64, images.device);
        histogram.scatter_add_(1, levels, ones_like(levels));
        var ofHighest = histogram.gather(1, levels.amax([1], keepdim: true));
        var step = ofHighest.neg().add_(pixels).div_(Levels - 1, RoundingMode.floor);
        var divisor = step.clamp_min(1);
        var below = histogram.cumsum(1).sub_(histogram);
        var half = step.div(2, RoundingMode.floor);
        var table = below.add_(half).div_(divisor, RoundingMode.floor).clamp_(0, Levels - 1);
        var spread = table.gather(1, levels).to(images.dtype).div_(Levels - 1).view(images.shape);
        return where(step.eq(0).view(images.shape[0], images.shape[1], 1, 1), images, spread);
    }

    /// <summary>One number per image, [N, 1, 1, 1], in the images' type and on their device.</summary>
    public static Tensor Column(double[] values, Tensor images) =>
        tensor(values, images.dtype, images.device).view(-1, 1, 1, 1);

    // The hexcone of Smith 1978; grey has hue and saturation 0.
    private static (Tensor Hue, Tensor Saturation, Tensor Value) Hsv(Tensor images)
    {
        var (r, g, b) = (images.select(1, 0), images.select(1, 1), images.select(1, 2));
        var (high, low) = (images.amax([1]), images.amin([1]));
        var range = high.sub(low);
        var grey = range.eq(0);
        var divisor = range.masked_fill(grey, 1);
        var (isRed, isGreen) = (high.eq(r), high.eq(g));
        var sextant = where(
            isRed,
            g.sub(b).div_(divisor),
            where(isGreen, b.sub(r).div_(divisor).add_(2), r.sub(g).div_(divisor).add_(4))
        );
        var saturation = range.div(high.masked_fill(grey, 1));
        return (sextant.div_(6).remainder(1), saturation, high);
    }

    // v (1 - s max(0, min(k, 4 - k, 1))) with k = (n + 6 h) mod 6 for n = 5, 3, 1: the six cases in one line.
    private static Tensor Rgb(Tensor hue, Tensor saturation, Tensor value)
    {
        Tensor Channel(double n)
        {
            var k = hue.mul(6).add_(n).remainder(6);
            var weight = minimum(k, k.neg().add_(4)).clamp_(0, 1);
            return value.sub(value.mul(saturation).mul_(weight));
        }
        return stack([Channel(5), Channel(3), Channel(1)], 1).clamp_(0, 1);
    }
}
