using System.Runtime.InteropServices;
using SkiaSharp;

namespace KdPlugins.Images;

/// <summary>
/// Image files as planes of bytes: any colour type becomes red, green, blue (transparency is dropped) or brightness, upright by
/// its EXIF orientation, at the wanted size. The data sets of images are compiled from this file too, so that an application
/// sees the very bytes that training saw.
/// </summary>
internal static class ImagePixels
{
    /// <summary>Height and width once it is upright, from the header alone.</summary>
    internal static (int Height, int Width) Upright(SKCodec codec) =>
        (int)codec.EncodedOrigin >= (int)SKEncodedOrigin.LeftTop
            ? (codec.Info.Width, codec.Info.Height)
            : (codec.Info.Height, codec.Info.Width);

    /// <summary>The upright image, RGBA.</summary>
    /// <param name="codec">The opened file.</param>
    /// <param name="problem">What is wrong with it; empty where nothing is.</param>
    /// <returns>Null where something is wrong.</returns>
    internal static SKBitmap? Decode(SKCodec codec, out string problem)
    {
        var info = new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        var bitmap = new SKBitmap(info);
        var result = codec.GetPixels(info, bitmap.GetPixels());
        problem =
            result == SKCodecResult.Success ? ""
            : result == SKCodecResult.IncompleteInput ? "ends before its last pixel"
            : $"is damaged ({result})";
        if (problem.Length > 0)
        {
            bitmap.Dispose();
            return null;
        }
        if (Turn(bitmap, codec.EncodedOrigin) is not { } turned)
            return bitmap;
        bitmap.Dispose();
        return turned;
    }

    /// <summary>The image at a size; null where it has it already.</summary>
    /// <param name="source">RGBA.</param>
    /// <param name="height">Pixels.</param>
    /// <param name="width">Pixels.</param>
    /// <param name="stretch">Whether the whole image is taken; else the largest part in its middle with these proportions.</param>
    internal static SKBitmap? Resize(SKBitmap source, int height, int width, bool stretch)
    {
        if ((source.Height, source.Width) == (height, width))
            return null;
        var sampling = new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear);
        if (stretch)
            return source.Resize(new SKSizeI(width, height), sampling);
        // The largest part with the wanted proportions: the whole of one side.
        var isWide = (long)source.Width * height >= (long)source.Height * width;
        var partWidth = isWide ? Math.Max(1, (int)((long)source.Height * width / height)) : source.Width;
        var partHeight = isWide ? source.Height : Math.Max(1, (int)((long)source.Width * height / width));
        var (left, top) = ((source.Width - partWidth) / 2, (source.Height - partHeight) / 2);
        using var part = new SKBitmap();
        source.ExtractSubset(part, SKRectI.Create(left, top, partWidth, partHeight));
        return part.Resize(new SKSizeI(width, height), sampling);
    }

    /// <summary>RGBA pixels as planes: red, green, blue, or brightness alone.</summary>
    internal static void Spread(ReadOnlySpan<byte> rgba, Span<byte> planes, int area, bool grey)
    {
        for (var p = 0; p < area; p++)
        {
            var (red, green, blue) = (rgba[4 * p], rgba[4 * p + 1], rgba[4 * p + 2]);
            if (grey)
            {
                // ITU-R 601 luma in 1/1000, rounded.
                planes[p] = (byte)((299 * red + 587 * green + 114 * blue + 500) / 1000);
                continue;
            }
            (planes[p], planes[area + p], planes[2 * area + p]) = (red, green, blue);
        }
    }

    // Null where the image is upright already. EXIF counts: 2 mirrored, 3 half turn, 4 mirrored half turn, 5 to 8 with
    // rows and columns swapped.
    private static SKBitmap? Turn(SKBitmap source, SKEncodedOrigin origin)
    {
        if (origin is SKEncodedOrigin.TopLeft)
            return null;
        var swap = (int)origin >= (int)SKEncodedOrigin.LeftTop;
        var (width, height) = swap ? (source.Height, source.Width) : (source.Width, source.Height);
        var turned = new SKBitmap(source.Info.WithSize(width, height));
        var from = MemoryMarshal.Cast<byte, uint>(source.GetPixelSpan());
        var to = MemoryMarshal.Cast<byte, uint>(turned.GetPixelSpan());
        var mirrorX =
            origin
            is SKEncodedOrigin.TopRight
                or SKEncodedOrigin.BottomRight
                or SKEncodedOrigin.RightBottom
                or SKEncodedOrigin.LeftBottom;
        var mirrorY =
            origin
            is SKEncodedOrigin.BottomRight
                or SKEncodedOrigin.BottomLeft
                or SKEncodedOrigin.RightTop
                or SKEncodedOrigin.RightBottom;
        for (var y = 0; y < height; y++)
        for (var x = 0; x < width; x++)
        {
            var (sx, sy) = swap ? (y, x) : (x, y);
            sx = mirrorX ? source.Width - 1 - sx : sx;
            sy = mirrorY ? source.Height - 1 - sy : sy;
            to[y * width + x] = from[sy * source.Width + sx];
        }
        return turned;
    }
}
