using KdPlugins.Core;
using KdPlugins.Images;
using KdPlugins.Torch;
using SkiaSharp;

namespace KdPlugins.Datasets;

/// <summary>
/// Image files as planes of bytes, as <see cref="ImagePixels"/> has them: it is compiled into the package for applications too.
/// </summary>
internal sealed class ImageDecoder(ImageOptions options)
{
    /// <summary>Channels of the planes.</summary>
    public int Channels => options.Grey ? 1 : 3;

    /// <summary>Height and width of the images: what the options say, or else what the first one has, from its header alone.</summary>
    public (int Height, int Width) Measure(ImageSplit split)
    {
        return options.Height > 0 ? (options.Height, options.Width) : HeaderSize(split, 0);
    }

    /// <summary>Height and width of an image as it is stored, from its header.</summary>
    public (int Height, int Width) HeaderSize(ImageSplit split, long index)
    {
        using var data = split.Store.Load(split.PlaceOf(index));
        using var codec = Start(data, split.NameOf(index));
        return ImagePixels.Upright(codec);
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
        var (ownHeight, ownWidth) = ImagePixels.Upright(codec);
        if (options.Height == 0 && (ownHeight, ownWidth) != (height, width))
            throw new KdException(
                DataErrors.SizesDiffer,
                $"'{path}' is {ownWidth}x{ownHeight} pixels, other images of the data set are {width}x{height}."
            );
        using var bitmap = Pixels(codec, path);
        using var sized = ImagePixels.Resize(bitmap, height, width, stretch: options.Resize == "stretch");
        ImagePixels.Spread((sized ?? bitmap).GetPixelSpan(), planes, height * width, options.Grey);
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

    private static SKBitmap Pixels(SKCodec codec, string path) =>
        ImagePixels.Decode(codec, out var problem)
        ?? throw new KdException(DataErrors.ImageUnreadable, $"'{path}' {problem}.");
}
