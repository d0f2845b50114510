using SkiaSharp;

namespace KdPlugins.Plugins.Tests.Datasets;

/// <summary>Small PNG files.</summary>
internal static class Pngs
{
    public static byte[] Of(
        int width,
        int height,
        Func<int, int, SKColor> colour,
        SKColorType type = SKColorType.Rgba8888
    )
    {
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, type, SKAlphaType.Unpremul));
        for (var y = 0; y < height; y++)
        for (var x = 0; x < width; x++)
            bitmap.SetPixel(x, y, colour(x, y));
        using var data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }

    public static byte[] Plain(int width, int height, SKColor colour) => Of(width, height, (_, _) => colour);

    /// <summary>Four by three pixels whose red is the number.</summary>
    public static byte[] Red(int number) => Plain(4, 3, new SKColor((byte)number, 0, 0));
}
