namespace KdPlugins.Authors.Tests.EndToEnd;

/// <summary>Images as files that any program reads: BMP of 24 bits.</summary>
internal static class Bitmaps
{
    /// <summary>An image's file.</summary>
    /// <param name="width">Pixels.</param>
    /// <param name="height">Pixels.</param>
    /// <param name="rgb">Red, green, blue of a pixel, row by row from the top.</param>
    internal static byte[] File(int width, int height, ReadOnlySpan<byte> rgb)
    {
        // Rows are padded to four bytes and come from the bottom, their pixels as blue, green, red.
        var row = (width * 3 + 3) / 4 * 4;
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write("BM"u8);
        foreach (var number in (int[])[54 + row * height, 0, 54, 40, width, height])
            writer.Write(number);
        writer.Write((short)1);
        writer.Write((short)24);
        foreach (var number in (int[])[0, row * height, 2835, 2835, 0, 0])
            writer.Write(number);
        var line = new byte[row];
        for (var y = height - 1; y >= 0; y--)
        {
            for (var i = 0; i < width * 3; i++)
                line[i / 3 * 3 + 2 - i % 3] = rgb[y * width * 3 + i];
            writer.Write(line);
        }
        return stream.ToArray();
    }
}
