using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace KdPlugins.Plugins.Tests.Datasets;

/// <summary>PNG files as the specification has them, for what image libraries do not write: palettes, few bits, every filter.</summary>
internal static class LabelPngs
{
    public static byte[] Grey(int width, int height, Func<int, int, int> value, int depth = 8, int filter = 0) =>
        Of(width, height, 0, depth, filter, (x, y) => [(byte)value(x, y)]);

    public static byte[] Rgb(int width, int height, Func<int, int, int> colour, int filter = 0) =>
        Of(width, height, 2, 8, filter, (x, y) => Bytes(colour(x, y)));

    /// <summary>Of a palette of colours such as 0x804080.</summary>
    public static byte[] Palette(
        int width,
        int height,
        Func<int, int, int> value,
        int[] palette,
        int depth = 8,
        int filter = 0,
        int interlace = 0
    ) => Of(width, height, 3, depth, filter, (x, y) => [(byte)value(x, y)], palette, interlace);

    private static byte[] Bytes(int colour) => [(byte)(colour >> 16), (byte)(colour >> 8), (byte)colour];

    private static byte[] Of(
        int width,
        int height,
        int colour,
        int depth,
        int filter,
        Func<int, int, byte[]> pixel,
        int[]? palette = null,
        int interlace = 0
    )
    {
        var file = new MemoryStream();
        file.Write([137, 80, 78, 71, 13, 10, 26, 10]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9], header[12]) = ((byte)depth, (byte)colour, (byte)interlace);
        Chunk(file, "IHDR", header);
        if (palette is not null)
            Chunk(file, "PLTE", [.. palette.SelectMany(Bytes)]);
        // In two pieces, as files of any size have it.
        var data = Packed(width, height, colour, depth, filter, pixel);
        Chunk(file, "tEXt", "Comment\0nothing"u8.ToArray());
        Chunk(file, "IDAT", data[..(data.Length / 2)]);
        Chunk(file, "IDAT", data[(data.Length / 2)..]);
        Chunk(file, "IEND", []);
        return file.ToArray();
    }

    private static byte[] Packed(int width, int height, int colour, int depth, int filter, Func<int, int, byte[]> pixel)
    {
        var samples = colour == 2 ? 3 : 1;
        var above = new byte[(width * samples * depth + 7) / 8];
        var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
            for (var y = 0; y < height; y++)
            {
                var line = new byte[above.Length];
                for (var x = 0; x < width; x++)
                {
                    var values = pixel(x, y);
                    if (samples == 3)
                        values.CopyTo(line, 3 * x);
                    else
                        line[x * depth / 8] |= (byte)(values[0] << (8 - depth - x * depth % 8));
                }
                zlib.WriteByte((byte)filter);
                zlib.Write(Filtered(line, above, filter, samples));
                above = line;
            }
        return packed.ToArray();
    }

    private static byte[] Filtered(byte[] line, byte[] above, int filter, int step)
    {
        byte At(byte[] row, int i) => i < 0 ? (byte)0 : row[i];
        return
        [
            .. line.Select(
                (value, i) =>
                {
                    var (left, up, corner) = (At(line, i - step), above[i], At(above, i - step));
                    var estimate = left + up - corner;
                    var nearest = new[] { left, up, corner }.MinBy(v => Math.Abs(estimate - v));
                    var guess = filter switch
                    {
                        1 => left,
                        2 => up,
                        3 => (left + up) / 2,
                        4 => nearest,
                        _ => 0,
                    };
                    return (byte)(value - guess);
                }
            ),
        ];
    }

    private static void Chunk(Stream file, string kind, byte[] data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        byte[] named = [.. Encoding.ASCII.GetBytes(kind), .. data];
        file.Write(named);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc(named));
        file.Write(number);
    }

    private static uint Crc(byte[] bytes)
    {
        var crc = 0xffffffffu;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xedb88320u : crc >> 1;
        }
        return ~crc;
    }
}
