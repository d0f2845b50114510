using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>An array of whole numbers in the npy format.</summary>
/// <param name="Kind">i for signed, u for unsigned.</param>
/// <param name="Width">Bytes of a value.</param>
/// <param name="Shape">The dimensions.</param>
/// <param name="Bytes">The values in row-major order, little-endian.</param>
internal sealed partial record NpyArray(char Kind, int Width, long[] Shape, byte[] Bytes)
{
    private const int LongestHeader = 65_535;

    /// <summary>Reads no further than the header declares; memory grows with what arrives.</summary>
    /// <param name="stream">The array's file.</param>
    /// <param name="name">For messages.</param>
    /// <param name="left">Bytes that it may take; what it takes is subtracted.</param>
    /// <exception cref="KdException"><c>KDP0404</c>: no such array; <c>KDP0406</c>: too large.</exception>
    public static NpyArray Read(Stream stream, string name, ref long left)
    {
        var header = Header(stream, name);
        var found = Fields().Match(header);
        if (!found.Success)
            throw Damaged(
                name,
                $"has the header {SafeText.Line(header[..Math.Min(header.Length, 120)])}; whole numbers in row-major order are read"
            );
        var width = found.Groups["width"].Value[0] - '0';
        long[] shape =
        [
            .. found
                .Groups["shape"]
                .Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Select(d => long.Parse(d, CultureInfo.InvariantCulture)),
        ];
        var total = (decimal)width;
        foreach (var dimension in shape)
            total = Math.Min(total * dimension, long.MaxValue);
        left -= total > Array.MaxLength ? long.MaxValue / 2 : (long)total;
        if (left < 0)
            throw new KdException(
                DataErrors.TooLarge,
                $"'{name}' declares {string.Join(" x ", shape)} values, which is more than may be held.",
                "Raise \"maxMegabytes\" where the memory allows it; an array has at most 2 GB."
            );
        var values = DataFile.Bytes(
            stream,
            (long)total,
            filled => Damaged(name, $"ends after {filled} of its {total} bytes")
        );
        return new(found.Groups["kind"].Value[0], width, shape, values);
    }

    /// <summary>The values, of at most 8 bytes each.</summary>
    public long[] Numbers()
    {
        var numbers = new long[Bytes.Length / Width];
        for (var i = 0; i < numbers.Length; i++)
        {
            var value = Bytes.AsSpan(i * Width, Width);
            numbers[i] = (Width, Kind) switch
            {
                (1, 'i') => (sbyte)value[0],
                (1, _) => value[0],
                (2, 'i') => BinaryPrimitives.ReadInt16LittleEndian(value),
                (2, _) => BinaryPrimitives.ReadUInt16LittleEndian(value),
                (4, 'i') => BinaryPrimitives.ReadInt32LittleEndian(value),
                (4, _) => BinaryPrimitives.ReadUInt32LittleEndian(value),
                _ => BinaryPrimitives.ReadInt64LittleEndian(value),
            };
        }
        return numbers;
    }

    private static string Header(Stream stream, string name)
    {
        Span<byte> start = stackalloc byte[12];
        if (
            stream.ReadAtLeast(start[..8], 8, throwOnEndOfStream: false) < 8
            || start[0] != 0x93
            || !start[1..6].SequenceEqual("NUMPY"u8)
        )
            throw Damaged(name, "is no npy array");
        var isShort = start[6] == 1;
        var size = isShort ? 2 : 4;
        if (stream.ReadAtLeast(start[8..(8 + size)], size, throwOnEndOfStream: false) < size)
            throw Damaged(name, "ends within its header");
        long length = isShort
            ? BinaryPrimitives.ReadUInt16LittleEndian(start[8..])
            : BinaryPrimitives.ReadUInt32LittleEndian(start[8..]);
        if (length > LongestHeader)
            throw Damaged(name, $"declares a header of {length} bytes");
        var text = new byte[length];
        return stream.ReadAtLeast(text, text.Length, throwOnEndOfStream: false) == text.Length
            ? Encoding.Latin1.GetString(text)
            : throw Damaged(name, "ends within its header");
    }

    internal static KdException Damaged(string name, string what) => new(DataErrors.DamagedFile, $"'{name}' {what}.");

    // As numpy writes it; keys in its order, which has been the alphabet's since the format is there.
    [GeneratedRegex(
        @"^\{\s*'descr':\s*'[<|](?<kind>[iu])(?<width>[1248])',\s*'fortran_order':\s*False,\s*'shape':\s*\((?<shape>(\s*[0-9]{1,18}\s*,?)*)\),?\s*\}\s*$",
        RegexOptions.CultureInvariant,
        1000
    )]
    private static partial Regex Fields();
}
