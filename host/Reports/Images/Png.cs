using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace KdPlugins.Host.Reports.Images;

/// <summary>
/// PNG files (ISO/IEC 15948). Written here because the little that is needed would else bring a native library into a
/// process in which plugins have their own copy of it.
/// </summary>
internal static class Png
{
    private static readonly byte[] Signature = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];

    private static readonly uint[] Crc =
    [
        .. Enumerable
            .Range(0, 256)
            .Select(n =>
                Enumerable.Range(0, 8).Aggregate((uint)n, (c, _) => (c & 1) != 0 ? 0xEDB88320 ^ (c >> 1) : c >> 1)
            ),
    ];

    /// <summary>A picture as a file: 8 bits per channel, without opacity where every pixel is opaque.</summary>
    internal static byte[] Encode(Raster raster)
    {
        var channels = IsOpaque(raster) ? 3 : 4;
        using var file = new MemoryStream();
        file.Write(Signature);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, raster.Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), raster.Height);
        // Bits per channel, colour type (2: red, green, blue; 6: and opacity), deflate, adaptive filters, no interlacing.
        (header[8], header[9]) = (8, (byte)(channels == 3 ? 2 : 6));
        Chunk(file, "IHDR", header);
        Chunk(file, "IDAT", Deflated(Filtered(raster, channels)));
        Chunk(file, "IEND", []);
        return file.ToArray();
    }

    /// <summary>The picture as an address that holds all of it.</summary>
    internal static string DataUri(Raster raster) => DataUri(Encode(raster));

    internal static string DataUri(byte[] png) => $"data:image/png;base64,{Convert.ToBase64String(png)}";

    private static bool IsOpaque(Raster raster)
    {
        for (var at = 3; at < raster.Pixels.Length; at += 4)
            if (raster.Pixels[at] != 255)
                return false;
        return true;
    }

    // Each byte less the one above it (filter 2), which suits images and flat areas alike.
    private static byte[] Filtered(Raster raster, int channels)
    {
        var stride = raster.Width * channels;
        var rows = new byte[(stride + 1) * raster.Height];
        for (var y = 0; y < raster.Height; y++)
        {
            rows[y * (stride + 1)] = 2;
            for (var x = 0; x < raster.Width; x++)
            for (var c = 0; c < channels; c++)
            {
                var at = 4 * (y * raster.Width + x) + c;
                var above = y == 0 ? (byte)0 : raster.Pixels[at - 4 * raster.Width];
                rows[y * (stride + 1) + 1 + x * channels + c] = (byte)(raster.Pixels[at] - above);
            }
        }
        return rows;
    }

    private static byte[] Deflated(byte[] rows)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
            zlib.Write(rows);
        return packed.ToArray();
    }

    private static void Chunk(MemoryStream file, string type, ReadOnlySpan<byte> content)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, content.Length);
        file.Write(number);
        byte[] body = [.. Encoding.ASCII.GetBytes(type), .. content];
        file.Write(body);
        var crc = ~body.Aggregate(~0u, (c, b) => Crc[(c ^ b) & 0xFF] ^ (c >> 8));
        BinaryPrimitives.WriteUInt32BigEndian(number, crc);
        file.Write(number);
    }
}
