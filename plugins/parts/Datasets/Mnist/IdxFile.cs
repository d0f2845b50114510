using System.Buffers.Binary;
using System.IO.Compression;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>
/// Files of unsigned bytes in the idx format: big-endian magic 0x0000 08 dd (dd dimensions), the sizes, the values;
/// plain or gzip. Never reads past what the sizes declare, so a compressed file cannot expand beyond it.
/// </summary>
internal static class IdxFile
{
    /// <summary>The largest body that is read.</summary>
    public const long Limit = 1L << 30;

    /// <summary>Sizes and values of the file <paramref name="path"/>, or of the same name with <c>.gz</c>.</summary>
    /// <exception cref="KdException">
    /// <c>KDP0401</c>: missing; <c>KDP0404</c>: not idx, truncated or too long; <c>KDP0406</c>: larger than
    /// <see cref="Limit"/>.
    /// </exception>
    public static (long[] Sizes, byte[] Values) Read(string path, int dimensions)
    {
        var found = Find(path);
        using var file = DataFile.Open(found);
        using var stream = found.EndsWith(".gz", StringComparison.Ordinal)
            ? new GZipStream(file, CompressionMode.Decompress)
            : (Stream)file;
        try
        {
            var sizes = Header(stream, dimensions, found, out var total);
            var values = DataFile.Bytes(
                stream,
                total,
                filled => Damaged(found, $"ends after {filled} of the {total} values that its header declares")
            );
            if (stream.ReadByte() >= 0)
                throw Damaged(found, $"holds more than the {total} values that its header declares");
            return (sizes, values);
        }
        catch (InvalidDataException e)
        {
            throw new KdException(DataErrors.DamagedFile, $"'{found}' is no intact gzip file: {e.Message}", null, e);
        }
    }

    /// <summary>The file that would be read: the plain one where both are there.</summary>
    public static string Find(string path) => !File.Exists(path) && File.Exists(path + ".gz") ? path + ".gz" : path;

    private static long[] Header(Stream stream, int dimensions, string path, out long total)
    {
        Span<byte> word = stackalloc byte[4];
        var magic = Word(stream, word, path);
        var expected = 0x0800u + (uint)dimensions;
        if (magic != expected)
            throw Damaged(path, $"starts with 0x{magic:x8}, expected 0x{expected:x8}");
        var sizes = new long[dimensions];
        total = 1;
        for (var d = 0; d < dimensions; d++)
        {
            sizes[d] = Word(stream, word, path);
            if (sizes[d] == 0)
                throw Damaged(
                    path,
                    $"declares the sizes {string.Join(" x ", sizes[..(d + 1)])}, of which none may be 0"
                );
            // Both factors are below 2^32 and the product so far is at most 2^30.
            total *= sizes[d];
            if (total > Limit)
                throw new KdException(
                    DataErrors.TooLarge,
                    $"'{path}' declares {string.Join(" x ", sizes[..(d + 1)])} values; at most {Limit} are read.",
                    "Split the file."
                );
        }
        return sizes;
    }

    private static uint Word(Stream stream, Span<byte> word, string path) =>
        stream.ReadAtLeast(word, 4, throwOnEndOfStream: false) == 4
            ? BinaryPrimitives.ReadUInt32BigEndian(word)
            : throw Damaged(path, "ends within its header");

    private static KdException Damaged(string path, string what) => new(DataErrors.DamagedFile, $"'{path}' {what}.");
}
