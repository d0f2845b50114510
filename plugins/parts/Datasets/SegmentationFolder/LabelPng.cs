using System.Buffers.Binary;
using System.IO.Compression;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>A label map as its file has it.</summary>
/// <param name="Height">Pixels.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Values">One byte per pixel, the index; or three, red, green, blue.</param>
/// <param name="Palette">Three bytes per index; null where there is none.</param>
internal sealed record LabelMap(int Height, int Width, byte[] Values, byte[]? Palette)
{
    public bool IsColour => Values.Length == 3 * Height * Width;
}

/// <summary>
/// Reads the stored values of PNG files: indexes of palettes and levels of grey as the numbers they are. Image libraries (SkiaSharp
/// among them) look palettes up, and scale levels of less than 8 bits.
/// </summary>
internal static class LabelPng
{
    private static readonly byte[] Signature = [137, 80, 78, 71, 13, 10, 26, 10];

    private const int Grey = 0;
    private const int Rgb = 2;
    private const int Indexed = 3;
    private const int Rgba = 6;

    /// <summary>The map of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxMegapixels">The largest, in millions of pixels.</param>
    /// <exception cref="KdException"><c>KDP0401</c>, <c>KDP0406</c>, <c>KDP0408</c>, <c>KDP0411</c>.</exception>
    public static LabelMap Read(string path, int maxMegapixels)
    {
        using var file = DataFile.Open(path);
        FileStore.CheckLength(path, file.Length);
        var bytes = DataFile.Bytes(file, file.Length, _ => Unreadable(path, "ends too early"));
        if (!bytes.AsSpan().StartsWith(Signature))
            throw Unreadable(path, "is no PNG file; label maps are PNG files");
        Header? header = null;
        byte[]? palette = null;
        using var packed = new MemoryStream();
        for (var at = Signature.Length; ; )
        {
            if (bytes.Length - at < 12)
                throw Unreadable(path, "ends before its last pixel");
            var length = BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(at));
            if (length > bytes.Length - at - 12)
                throw Unreadable(path, "ends before its last pixel");
            var kind = bytes.AsSpan(at + 4, 4);
            var data = bytes.AsSpan(at + 8, (int)length);
            if (kind.SequenceEqual("IHDR"u8))
                header = ReadHeader(path, data, maxMegapixels);
            else if (kind.SequenceEqual("PLTE"u8))
                palette = data.ToArray();
            else if (kind.SequenceEqual("IDAT"u8))
                packed.Write(data);
            else if (kind.SequenceEqual("IEND"u8))
                break;
            at += 12 + (int)length;
        }
        if (header is null)
            throw Unreadable(path, "has no header");
        packed.Position = 0;
        return new(
            header.Height,
            header.Width,
            Unpack(path, header, packed),
            header.Colour == Indexed ? palette : null
        );
    }

    private static Header ReadHeader(string path, ReadOnlySpan<byte> data, int maxMegapixels)
    {
        if (data.Length != 13)
            throw Unreadable(path, "has a damaged header");
        var (width, height) = (
            BinaryPrimitives.ReadUInt32BigEndian(data),
            BinaryPrimitives.ReadUInt32BigEndian(data[4..])
        );
        var (depth, colour) = ((int)data[8], (int)data[9]);
        if (width == 0 || height == 0 || width > int.MaxValue || height > int.MaxValue)
            throw Unreadable(path, "has a damaged header");
        // Before any pixel is allocated.
        if ((ulong)width * height > (ulong)maxMegapixels * 1_000_000)
            throw new KdException(
                DataErrors.TooLarge,
                $"'{path}' declares {width}x{height} pixels; \"maxMegapixels\" is {maxMegapixels}."
            );
        var isKnown = colour is Grey or Indexed ? depth is 1 or 2 or 4 or 8 : colour is Rgb or Rgba && depth == 8;
        if (!isKnown)
            throw Unreadable(path, $"has {depth} bits of colour type {colour}; label maps have at most 8 bits");
        if (data[12] != 0)
            throw Unreadable(path, "is interlaced; save it without");
        return new((int)height, (int)width, depth, colour);
    }

    private static byte[] Unpack(string path, Header header, Stream packed)
    {
        var samples = header.Colour switch
        {
            Rgb => 3,
            Rgba => 4,
            _ => 1,
        };
        var step = samples;
        var row = checked((int)(((long)header.Width * samples * header.Depth + 7) / 8));
        var (line, above) = (new byte[row + 1], new byte[row + 1]);
        var kept = samples == 1 ? 1 : 3;
        var values = new byte[checked((long)header.Height * header.Width * kept)];
        try
        {
            using var zlib = new ZLibStream(packed, CompressionMode.Decompress);
            for (var y = 0; y < header.Height; y++)
            {
                if (zlib.ReadAtLeast(line, line.Length, throwOnEndOfStream: false) < line.Length)
                    throw Unreadable(path, "ends before its last pixel");
                if (!Unfilter(line[0], line.AsSpan(1), above.AsSpan(1), step))
                    throw Unreadable(path, "is damaged");
                Spread(line.AsSpan(1), header, samples, values.AsSpan(y * header.Width * kept));
                (line, above) = (above, line);
            }
            // The check sum stands behind the last row.
            _ = zlib.ReadByte();
        }
        catch (InvalidDataException)
        {
            throw Unreadable(path, "is damaged");
        }
        return values;
    }

    private static void Spread(ReadOnlySpan<byte> line, Header header, int samples, Span<byte> values)
    {
        if (samples > 1)
        {
            for (var x = 0; x < header.Width; x++)
                line.Slice(x * samples, 3).CopyTo(values[(3 * x)..]);
            return;
        }
        var (perByte, mask) = (8 / header.Depth, (1 << header.Depth) - 1);
        for (var x = 0; x < header.Width; x++)
            values[x] = (byte)((line[x / perByte] >> ((perByte - 1 - x % perByte) * header.Depth)) & mask);
    }

    // The five filters of section 9 of the PNG specification, undone in place.
    private static bool Unfilter(byte filter, Span<byte> line, ReadOnlySpan<byte> above, int step)
    {
        for (var i = 0; i < line.Length; i++)
        {
            int left = i >= step ? line[i - step] : 0;
            int up = above[i];
            int corner = i >= step ? above[i - step] : 0;
            int guess = filter switch
            {
                0 => 0,
                1 => left,
                2 => up,
                3 => (left + up) / 2,
                4 => Paeth(left, up, corner),
                _ => -1,
            };
            if (guess < 0)
                return false;
            line[i] = (byte)(line[i] + guess);
        }
        return true;
    }

    private static int Paeth(int left, int up, int corner)
    {
        var estimate = left + up - corner;
        var (a, b, c) = (Math.Abs(estimate - left), Math.Abs(estimate - up), Math.Abs(estimate - corner));
        return a <= b && a <= c ? left
            : b <= c ? up
            : corner;
    }

    private static KdException Unreadable(string path, string what) =>
        new(DataErrors.ImageUnreadable, $"'{path}' {what}.");

    private sealed record Header(int Height, int Width, int Depth, int Colour);
}
