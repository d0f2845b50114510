using KdPlugins.Core;
using KdPlugins.Torch;
using SkiaSharp;

namespace KdPlugins.Datasets;

/// <summary>
/// Image files as planes of bytes: any colour type becomes red, green, blue (transparency is dropped) or brightness,
/// upright by its EXIF orientation, at the wanted size.
/// </summary>
internal sealed class ImageDecoder(ImageOptions options)
{
    /// <summary>Channels of the planes.</summary>
    public int Channels => options.Grey ? 1 : 3;

    /// <summary>Height and width of the images: what the options say, or else what the first one has, from its header alone.</summary>
    public (int Height, int Width) Measure(ImageSplit split)
    {
        if (options.Height > 0)
            return (options.Height, options.Width);
        using var data = split.Store.Load(split.PlaceOf(0));
        using var codec = Start(data, split.NameOf(0));
        return Upright(codec);
    }

    /// <summary>Decodes an image for nothing.</summary>
    /// <exception cref="KdException">As <see cref="Decode"/>.</exception>
    public void Try(IImageStore store, int index)
    {
        using var data = store.Load(index);
        using var codec = Start(data, store.NameOf(index));
        using var pixels = Pixels(codec, store.NameOf(index));
    }

    /// <summary>The planes of an image.</summary>
    /// <param name="store">Where it is.</param>
    /// <param name="index">Its number there.</param>
    /// <param name="height">The images' height.</param>
    /// <param name="width">Their width.</param>
    /// <param name="planes">Takes channels times height times width values.</param>
    /// <exception cref="KdException">
    /// <c>KDP0406</c>: too large; <c>KDP0408</c>: unreadable; <c>KDP0409</c>: of another size than expected.
    /// </exception>
    public void Decode(IImageStore store, int index, int height, int width, Span<byte> planes)
    {
        var path = store.NameOf(index);
        using var data = store.Load(index);
        using var codec = Start(data, path);
        var (ownHeight, ownWidth) = Upright(codec);
        if (options.Height == 0 && (ownHeight, ownWidth) != (height, width))
            throw new KdException(
                DataErrors.SizesDiffer,
                $"'{path}' is {ownWidth}x{ownHeight} pixels, other images of the data set are {width}x{height}."
            );
        using var raw = Pixels(codec, path);
        using var turned = Turn(raw, codec.EncodedOrigin);
        using var sized = Resize(turned ?? raw, height, width);
        Spread((sized ?? turned ?? raw).GetPixelSpan(), planes, height * width);
    }

    private SKCodec Start(SKData data, string path)
    {
        var codec = SKCodec.Create(data);
        if (codec is null)
            throw new KdException(DataErrors.ImageUnreadable, $"'{path}' is no image of a known format.");
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        // Before any pixel is allocated.
        if ((long)width * height <= options.MaxMegapixels * 1_000_000L)
            return codec;
        codec.Dispose();
        throw new KdException(
            DataErrors.TooLarge,
            $"'{path}' declares {width}x{height} pixels; \"maxMegapixels\" is {options.MaxMegapixels}."
        );
    }

    private (int Height, int Width) Upright(SKCodec codec) =>
        (int)codec.EncodedOrigin >= (int)SKEncodedOrigin.LeftTop
            ? (codec.Info.Width, codec.Info.Height)
            : (codec.Info.Height, codec.Info.Width);

    private static SKBitmap Pixels(SKCodec codec, string path)
    {
        var info = new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        var bitmap = new SKBitmap(info);
        var result = codec.GetPixels(info, bitmap.GetPixels());
        if (result == SKCodecResult.Success)
            return bitmap;
        bitmap.Dispose();
        var reason = result == SKCodecResult.IncompleteInput ? "ends before its last pixel" : $"is damaged ({result})";
        throw new KdException(DataErrors.ImageUnreadable, $"'{path}' {reason}.");
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
        var from = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, uint>(source.GetPixelSpan());
        var to = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, uint>(turned.GetPixelSpan());
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

    // Null where the size is right already.
    private SKBitmap? Resize(SKBitmap source, int height, int width)
    {
        if ((source.Height, source.Width) == (height, width))
            return null;
        var sampling = new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear);
        if (options.Resize == "stretch")
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

    private void Spread(ReadOnlySpan<byte> rgba, Span<byte> planes, int area)
    {
        for (var p = 0; p < area; p++)
        {
            var (red, green, blue) = (rgba[4 * p], rgba[4 * p + 1], rgba[4 * p + 2]);
            if (options.Grey)
            {
                // ITU-R 601 luma in 1/1000, rounded.
                planes[p] = (byte)((299 * red + 587 * green + 114 * blue + 500) / 1000);
                continue;
            }
            (planes[p], planes[area + p], planes[2 * area + p]) = (red, green, blue);
        }
    }
}
