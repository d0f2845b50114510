using SkiaSharp;

namespace KdPlugins.Tests.Students;

/// <summary>Pictures as files.</summary>
internal static class Pictures
{
    internal static byte[] Png(int width, int height, Func<int, int, SKColor> colour)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        for (var y = 0; y < height; y++)
        for (var x = 0; x < width; x++)
            bitmap.SetPixel(x, y, colour(x, y));
        using var data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }

    internal static byte[] Plain(SKColor colour, int width = ColourStudent.Width, int height = ColourStudent.Height) =>
        Png(width, height, (_, _) => colour);

    /// <summary>A PNG whose header declares a size and whose pixels are those of a small one.</summary>
    internal static byte[] Declaring(int width, int height)
    {
        var bytes = Plain(SKColors.Red);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(16), width);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(20), height);
        var crc = System.IO.Hashing.Crc32.HashToUInt32(bytes.AsSpan(12, 17));
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(29), crc);
        return bytes;
    }
}
