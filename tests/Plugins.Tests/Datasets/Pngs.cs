using KdPlugins.Core;
using SkiaSharp;
using static TorchSharp.torch;

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

    /// <summary>The red of every image's first pixel, and its class.</summary>
    public static (int Red, long Class)[] Samples(IDataset data, string split = "train")
    {
        using var scope = NewDisposeScope();
        var source = data.Open(split);
        var batch = source.Read(Enumerable.Range(0, (int)source.Count).Select(i => (long)i).ToArray());
        var labels = ((ClassIndexTarget)batch.Target).Labels.data<long>().ToArray();
        return [.. labels.Select((label, i) => ((int)batch.Input[i][0][0][0].item<byte>(), label))];
    }
}
