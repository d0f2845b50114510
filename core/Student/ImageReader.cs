using KdPlugins.Images;
using SkiaSharp;

namespace KdPlugins;

/// <summary>Images of any kind as the planes of bytes that a student takes.</summary>
/// <param name="card">What the student takes.</param>
/// <param name="mostPixels">The largest image that is decoded.</param>
internal sealed class ImageReader(StudentCard card, long mostPixels)
{
    // No camera's file is larger; what is, is no image.
    private const long LargestFile = 512L << 20;

    private bool IsGrey => card.Channels == 1;

    /// <summary>An encoded image.</summary>
    /// <param name="stream">From its present position to its end.</param>
    /// <param name="name">For messages.</param>
    /// <param name="planes">[channels, height, width].</param>
    /// <exception cref="StudentException">It is no image that can be read.</exception>
    internal void Read(Stream stream, string name, Span<byte> planes)
    {
        if (stream.CanSeek && stream.Length - stream.Position > LargestFile)
            throw Unreadable($"{name} has {stream.Length - stream.Position} bytes, more than {LargestFile}.");
        using var data = Data(stream);
        using var codec = data is null || data.Size == 0 ? null : SKCodec.Create(data);
        if (codec is null)
            throw Unreadable($"{name} is no image of a known format.");
        var (height, width) = ImagePixels.Upright(codec);
        // Before any pixel is allocated.
        if ((long)width * height > mostPixels)
            throw Unreadable($"{name} declares {width}x{height} pixels, more than {mostPixels} in all.");
        using var bitmap = ImagePixels.Decode(codec, out var problem) ?? throw Unreadable($"{name} {problem}.");
        Take(bitmap, planes);
    }

    /// <summary>Pixels as they lie in memory.</summary>
    /// <param name="pixels">Row by row, no gaps.</param>
    /// <param name="width">Pixels.</param>
    /// <param name="height">Pixels.</param>
    /// <param name="format">What a pixel is.</param>
    /// <param name="planes">[channels, height, width].</param>
    internal void Read(ReadOnlySpan<byte> pixels, int width, int height, PixelFormat format, Span<byte> planes)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        var rgba = bitmap.GetPixelSpan();
        var size = format.Size();
        for (var (p, at) = (0, 0); p < width * height; p++, at += size)
        {
            var (red, green, blue) = format switch
            {
                PixelFormat.Grey8 => (pixels[at], pixels[at], pixels[at]),
                PixelFormat.Bgr24 or PixelFormat.Bgra32 => (pixels[at + 2], pixels[at + 1], pixels[at]),
                _ => (pixels[at], pixels[at + 1], pixels[at + 2]),
            };
            (rgba[4 * p], rgba[4 * p + 1], rgba[4 * p + 2], rgba[4 * p + 3]) = (red, green, blue, 255);
        }
        Take(bitmap, planes);
    }

    // A copy in one go: SkiaSharp's own asks a stream for many small pieces.
    private static SKData? Data(Stream stream)
    {
        if (!stream.CanSeek)
            return SKData.Create(stream);
        var bytes = new byte[Math.Max(0, stream.Length - stream.Position)];
        stream.ReadExactly(bytes);
        return SKData.CreateCopy(bytes);
    }

    private void Take(SKBitmap bitmap, Span<byte> planes)
    {
        using var sized = ImagePixels.Resize(bitmap, card.Height, card.Width, card.Stretches);
        ImagePixels.Spread((sized ?? bitmap).GetPixelSpan(), planes, card.Height * card.Width, IsGrey);
    }

    private static StudentException Unreadable(string message) => new(StudentFault.ImageUnreadable, message);
}
