using KdPlugins.Core;
using KdPlugins.Images;
using KdPlugins.Torch;
using SkiaSharp;

namespace KdPlugins.Datasets;

/// <summary>
/// Image files as planes of bytes, as <see cref="ImagePixels"/> has them: it is compiled into the package for applications too.
/// </summary>
internal sealed class ImageDecoder(ImageFolderOptions options)
{
    // No camera's file is larger; what is, is no image.
    private const long LargestFile = 512L << 20;

    /// <summary>Channels of the planes.</summary>
    public int Channels => options.Grey ? 1 : 3;

    /// <summary>Height and width that the file's planes will have, from its header alone.</summary>
    public (int Height, int Width) Measure(string path)
    {
        using var codec = Start(path);
        return ImagePixels.Upright(codec);
    }

    /// <summary>The planes of a file.</summary>
    /// <exception cref="KdException">
    /// <c>KDP0406</c>: too large; <c>KDP0408</c>: unreadable; <c>KDP0409</c>: of another size than expected.
    /// </exception>
    public void Decode(string path, int height, int width, Span<byte> planes)
    {
        using var codec = Start(path);
        var (ownHeight, ownWidth) = ImagePixels.Upright(codec);
        if (options.Size == 0 && (ownHeight, ownWidth) != (height, width))
            throw new KdException(
                DataErrors.SizesDiffer,
                $"'{path}' is {ownWidth}x{ownHeight} pixels, other images of the data set are {width}x{height}."
            );
        using var bitmap =
            ImagePixels.Decode(codec, out var problem)
            ?? throw new KdException(DataErrors.ImageUnreadable, $"'{path}' {problem}.");
        using var sized = ImagePixels.Resize(bitmap, height, width, stretch: options.Resize == "stretch");
        ImagePixels.Spread((sized ?? bitmap).GetPixelSpan(), planes, height * width, options.Grey);
    }

    private SKCodec Start(string path)
    {
        using var stream = DataFile.Open(path);
        if (stream.Length > LargestFile)
            throw new KdException(
                DataErrors.TooLarge,
                $"'{path}' has {stream.Length} bytes, more than the {LargestFile} of the largest image file.",
                "Remove the file, or make it smaller."
            );
        using var data = SKData.Create(stream);
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
}
