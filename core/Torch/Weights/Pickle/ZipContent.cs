using System.IO.Compression;
using System.IO.Hashing;

namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>The content of one zip entry.</summary>
internal static class ZipContent
{
    private const int Piece = 1 << 24;

    /// <summary>Compares the bytes of a stored entry with its checksum.</summary>
    public static void CheckCrc(ByteSource bytes, ZipEntry entry, string origin)
    {
        var crc = new Crc32();
        for (long at = 0; at < entry.Size; at += Piece)
        {
            crc.Append(bytes.Span(entry.Start + at, (int)Math.Min(Piece, entry.Size - at)));
        }
        Compare(crc.GetCurrentHashAsUInt32(), entry, origin);
    }

    /// <summary>
    /// Inflates an entry into an array of exactly the size that the directory states, which was checked against the
    /// limits before.
    /// </summary>
    public static byte[] Inflate(ByteSource bytes, ZipEntry entry, string origin, bool verify)
    {
        if (entry.Size > Array.MaxLength)
        {
            throw WeightFault.Of(
                WeightErrors.ZipTooLarge,
                origin,
                $"entry {WeightFault.Quote(entry.Name)} inflates to {entry.Size} bytes."
            );
        }
        var content = new byte[entry.Size];
        try
        {
            using Stream packed = bytes.Stream(entry.Start, entry.Stored);
            using var inflater = new DeflateStream(packed, CompressionMode.Decompress);
            int read = inflater.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
            if (read != content.Length || inflater.ReadByte() >= 0)
            {
                throw Broken(entry, origin);
            }
        }
        catch (InvalidDataException e)
        {
            throw Broken(entry, origin, e);
        }
        if (verify)
        {
            Compare(Crc32.HashToUInt32(content), entry, origin);
        }
        return content;
    }

    private static void Compare(uint found, ZipEntry entry, string origin)
    {
        if (found != entry.Crc)
        {
            throw WeightFault.Of(
                WeightErrors.ChecksumMismatch,
                origin,
                $"entry {WeightFault.Quote(entry.Name)} has checksum {found:x8}, the directory says {entry.Crc:x8}."
            );
        }
    }

    private static KdException Broken(ZipEntry entry, string origin, Exception? inner = null) =>
        WeightFault.Of(
            WeightErrors.ZipInvalid,
            origin,
            $"entry {WeightFault.Quote(entry.Name)} does not inflate to its {entry.Size} bytes.",
            inner
        );
}
