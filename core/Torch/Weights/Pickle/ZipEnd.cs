using System.Buffers.Binary;

namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>The end record of a zip container, 32-bit or 64-bit: where the directory is.</summary>
internal readonly record struct ZipEnd(long CentralStart, long CentralEnd, long Count)
{
    private const uint EndSignature = 0x06054b50;
    private const uint End64Signature = 0x06064b50;
    private const uint Locator64Signature = 0x07064b50;
    private const int EndBytes = 22;
    private const int End64Bytes = 56;
    private const int Locator64Bytes = 20;

    public static ZipEnd Read(ByteSource bytes, string origin)
    {
        long endStart = bytes.Length - EndBytes;
        if (endStart < 0)
        {
            throw Invalid(origin, "it is too short for a zip container.");
        }
        ReadOnlySpan<byte> end = bytes.Span(endStart, EndBytes);
        if (
            BinaryPrimitives.ReadUInt32LittleEndian(end) != EndSignature
            || BinaryPrimitives.ReadUInt16LittleEndian(end[20..]) != 0
        )
        {
            throw Invalid(origin, "it does not end with an end record; it may have been cut, or text was added.");
        }
        int count = BinaryPrimitives.ReadUInt16LittleEndian(end[10..]);
        long size = BinaryPrimitives.ReadUInt32LittleEndian(end[12..]);
        long start = BinaryPrimitives.ReadUInt32LittleEndian(end[16..]);
        ZipEnd? wide = Read64(bytes, origin, endStart);
        ZipEnd found = wide ?? new ZipEnd(start, start + size, count);
        // The old fields must say the same, or that the new ones count.
        bool agrees =
            wide is null
            || (
                (count == ushort.MaxValue || count == found.Count)
                && (start == uint.MaxValue || start == found.CentralStart)
                && (size == uint.MaxValue || start == uint.MaxValue || start + size == found.CentralEnd)
            );
        long directoryEnd = wide is null ? endStart : endStart - Locator64Bytes - End64Bytes;
        bool oneDisk = BinaryPrimitives.ReadUInt32LittleEndian(end[4..]) == 0;
        bool sound =
            found.CentralStart >= 0 && found.CentralStart <= found.CentralEnd && found.CentralEnd == directoryEnd;
        return agrees && sound && oneDisk && found.Count >= 0
            ? found
            : throw Invalid(origin, "the end record contradicts itself or the length of the file.");
    }

    private static ZipEnd? Read64(ByteSource bytes, string origin, long endStart)
    {
        long locatorStart = endStart - Locator64Bytes;
        long end64Start = locatorStart - End64Bytes;
        if (locatorStart < 0)
        {
            return null;
        }
        ReadOnlySpan<byte> locator = bytes.Span(locatorStart, Locator64Bytes);
        if (BinaryPrimitives.ReadUInt32LittleEndian(locator) != Locator64Signature)
        {
            return null;
        }
        if (end64Start < 0 || BinaryPrimitives.ReadInt64LittleEndian(locator[8..]) != end64Start)
        {
            throw Invalid(origin, "the 64-bit end record is not where it is said to be.");
        }
        ReadOnlySpan<byte> end = bytes.Span(end64Start, End64Bytes);
        bool sound =
            BinaryPrimitives.ReadUInt32LittleEndian(end) == End64Signature
            && BinaryPrimitives.ReadInt64LittleEndian(end[4..]) == End64Bytes - 12
            && BinaryPrimitives.ReadInt64LittleEndian(end[16..]) == 0;
        long count = BinaryPrimitives.ReadInt64LittleEndian(end[32..]);
        long size = BinaryPrimitives.ReadInt64LittleEndian(end[40..]);
        long start = BinaryPrimitives.ReadInt64LittleEndian(end[48..]);
        return sound && start >= 0 && size >= 0 && size <= end64Start && start <= end64Start
            ? new ZipEnd(start, start + size, count)
            : throw Invalid(origin, "the 64-bit end record is not valid.");
    }

    private static KdException Invalid(string origin, string what) =>
        WeightFault.Of(WeightErrors.ZipInvalid, origin, what);
}

/// <summary>The extra field that holds sizes of more than 32 bits.</summary>
internal static class Zip64Extra
{
    private const int Id = 1;

    /// <summary>Replaces those numbers that say "see the extra field"; false where it is broken or absent.</summary>
    public static bool Apply(ReadOnlySpan<byte> extra, ref long size, ref long stored, ref long local)
    {
        if (size != uint.MaxValue && stored != uint.MaxValue && local != uint.MaxValue)
        {
            return true;
        }
        while (extra.Length >= 4)
        {
            int id = BinaryPrimitives.ReadUInt16LittleEndian(extra);
            int length = BinaryPrimitives.ReadUInt16LittleEndian(extra[2..]);
            extra = extra[4..];
            if (length > extra.Length)
            {
                return false;
            }
            if (id == Id)
            {
                ReadOnlySpan<byte> field = extra[..length];
                return Take(ref field, ref size) && Take(ref field, ref stored) && Take(ref field, ref local);
            }
            extra = extra[length..];
        }
        return false;
    }

    private static bool Take(ref ReadOnlySpan<byte> field, ref long number)
    {
        if (number != uint.MaxValue)
        {
            return true;
        }
        if (field.Length < 8)
        {
            return false;
        }
        number = BinaryPrimitives.ReadInt64LittleEndian(field);
        field = field[8..];
        return number >= 0;
    }
}
