using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>One file inside a zip container, checked against the container.</summary>
/// <param name="Name">The full name.</param>
/// <param name="Deflated">Whether it is compressed.</param>
/// <param name="Crc">CRC-32 of the content.</param>
/// <param name="Start">Where its bytes start in the container.</param>
/// <param name="Stored">Bytes in the container.</param>
/// <param name="Size">Bytes of the content.</param>
internal sealed record ZipEntry(string Name, bool Deflated, uint Crc, long Start, long Stored, long Size);

/// <summary>
/// Reads the directory of a zip container, stricter than the format asks: nothing before the first entry or behind
/// the end record, entries that do not overlap, local headers that agree with the directory, safe and unique names,
/// and no growth beyond the limits.
/// </summary>
internal sealed class ZipDirectory
{
    private const uint LocalSignature = 0x04034b50;
    private const uint CentralSignature = 0x02014b50;
    private const int LocalBytes = 30;
    private const int CentralBytes = 46;
    private const int EncryptedFlags = 0x2041; // encrypted, strongly encrypted, masked headers
    private const int DescriptorFlag = 0x8;

    private readonly ByteSource _bytes;
    private readonly string _origin;
    private readonly long _centralStart;
    private readonly Dictionary<string, ZipEntry> _entries = new(StringComparer.Ordinal);
    private readonly List<(long Start, long End)> _used = [];

    private ZipDirectory(ByteSource bytes, string origin, long centralStart)
    {
        _bytes = bytes;
        _origin = origin;
        _centralStart = centralStart;
    }

    /// <summary>Reads and checks the directory.</summary>
    /// <exception cref="KdException">KDP0530 to KDP0534.</exception>
    public static Dictionary<string, ZipEntry> Read(ByteSource bytes, string origin)
    {
        ZipEnd end = ZipEnd.Read(bytes, origin);
        var directory = new ZipDirectory(bytes, origin, end.CentralStart);
        directory.ReadEntries(end);
        directory.CheckOverlap();
        directory.CheckGrowth();
        return directory._entries;
    }

    private void ReadEntries(ZipEnd end)
    {
        long position = end.CentralStart;
        for (long i = 0; i < end.Count; i++)
        {
            if (end.CentralEnd - position < CentralBytes)
            {
                throw Invalid($"the directory ends after {i} of {end.Count} entries.");
            }
            position += ReadEntry(position, end.CentralEnd);
        }
        if (position != end.CentralEnd)
        {
            throw Invalid("the directory has more bytes than its entries need.");
        }
    }

    /// <summary>Reads one directory record and returns its length.</summary>
    private int ReadEntry(long position, long limit)
    {
        ReadOnlySpan<byte> head = _bytes.Span(position, CentralBytes);
        if (BinaryPrimitives.ReadUInt32LittleEndian(head) != CentralSignature)
        {
            throw Invalid("a directory record has no signature.");
        }
        int flags = BinaryPrimitives.ReadUInt16LittleEndian(head[8..]);
        int method = BinaryPrimitives.ReadUInt16LittleEndian(head[10..]);
        uint crc = BinaryPrimitives.ReadUInt32LittleEndian(head[16..]);
        long stored = BinaryPrimitives.ReadUInt32LittleEndian(head[20..]);
        long size = BinaryPrimitives.ReadUInt32LittleEndian(head[24..]);
        int nameLength = BinaryPrimitives.ReadUInt16LittleEndian(head[28..]);
        int extraLength = BinaryPrimitives.ReadUInt16LittleEndian(head[30..]);
        int commentLength = BinaryPrimitives.ReadUInt16LittleEndian(head[32..]);
        int disk = BinaryPrimitives.ReadUInt16LittleEndian(head[34..]);
        long local = BinaryPrimitives.ReadUInt32LittleEndian(head[42..]);
        int length = CentralBytes + nameLength + extraLength + commentLength;
        if (length > limit - position)
        {
            throw Invalid("a directory record is cut.");
        }
        ReadOnlySpan<byte> nameBytes = _bytes.Span(position + CentralBytes, nameLength);
        string name = CheckedName(nameBytes);
        if ((flags & EncryptedFlags) != 0 || method is not (0 or 8) || disk != 0)
        {
            throw Fault(
                WeightErrors.ZipUnsupported,
                $"entry {WeightFault.Quote(name)} has method {method}, flags 0x{flags:x}, disk {disk}; only stored and deflated entries are read."
            );
        }
        ReadOnlySpan<byte> extra = _bytes.Span(position + CentralBytes + nameLength, extraLength);
        if (!Zip64Extra.Apply(extra, ref size, ref stored, ref local))
        {
            throw Invalid($"entry {WeightFault.Quote(name)} has a broken 64-bit record.");
        }
        Add(new ZipEntry(name, method == 8, crc, local, stored, size), nameBytes, flags, method);
        return length;
    }

    private void Add(ZipEntry entry, ReadOnlySpan<byte> nameBytes, int flags, int method)
    {
        if (entry.Stored < 0 || entry.Size < 0 || (!entry.Deflated && entry.Stored != entry.Size))
        {
            throw Invalid($"entry {WeightFault.Quote(entry.Name)} has impossible sizes.");
        }
        long start = DataStart(entry, nameBytes, flags, method);
        if (entry.Stored > _centralStart - start)
        {
            throw Invalid($"entry {WeightFault.Quote(entry.Name)} runs into the directory.");
        }
        _used.Add((entry.Start, start + entry.Stored));
        if (!_entries.TryAdd(entry.Name, entry with { Start = start }))
        {
            throw Fault(WeightErrors.ZipDuplicate, $"entry {WeightFault.Quote(entry.Name)} occurs twice.");
        }
    }

    /// <summary>Checks the local header, which other readers may trust instead of the directory.</summary>
    private long DataStart(ZipEntry entry, ReadOnlySpan<byte> nameBytes, int flags, int method)
    {
        long local = entry.Start;
        if (local < 0 || local > _centralStart - LocalBytes)
        {
            throw Invalid($"entry {WeightFault.Quote(entry.Name)} starts outside the container.");
        }
        ReadOnlySpan<byte> head = _bytes.Span(local, LocalBytes);
        int nameLength = BinaryPrimitives.ReadUInt16LittleEndian(head[26..]);
        int extraLength = BinaryPrimitives.ReadUInt16LittleEndian(head[28..]);
        long start = local + LocalBytes + nameLength + extraLength;
        bool agrees =
            BinaryPrimitives.ReadUInt32LittleEndian(head) == LocalSignature
            && BinaryPrimitives.ReadUInt16LittleEndian(head[6..]) == flags
            && BinaryPrimitives.ReadUInt16LittleEndian(head[8..]) == method
            && start <= _centralStart
            && nameLength == nameBytes.Length
            && _bytes.Span(local + LocalBytes, nameLength).SequenceEqual(nameBytes);
        if (!agrees || ((flags & DescriptorFlag) == 0 && !SizesAgree(head, entry, local + LocalBytes + nameLength)))
        {
            throw Invalid($"the local header of entry {WeightFault.Quote(entry.Name)} contradicts the directory.");
        }
        return start;
    }

    private bool SizesAgree(ReadOnlySpan<byte> head, ZipEntry entry, long extraStart)
    {
        long stored = BinaryPrimitives.ReadUInt32LittleEndian(head[18..]);
        long size = BinaryPrimitives.ReadUInt32LittleEndian(head[22..]);
        long none = 0;
        ReadOnlySpan<byte> extra = _bytes.Span(extraStart, BinaryPrimitives.ReadUInt16LittleEndian(head[28..]));
        return Zip64Extra.Apply(extra, ref size, ref stored, ref none)
            && stored == entry.Stored
            && size == entry.Size
            && BinaryPrimitives.ReadUInt32LittleEndian(head[14..]) == entry.Crc;
    }

    /// <summary>Relative, forward slashes only, no empty, '.' or '..' step, no drive, no control characters.</summary>
    private string CheckedName(ReadOnlySpan<byte> bytes)
    {
        string name = Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : "";
        bool safe = name.Length > 0 && name.AsSpan().IndexOfAny('\\', ':') < 0 && !name.Any(char.IsControl);
        // A folder record ends with one slash.
        ReadOnlySpan<char> steps = name.EndsWith('/') ? name.AsSpan(0, name.Length - 1) : name;
        foreach (Range step in steps.Split('/'))
        {
            safe &= steps[step] is not ("" or "." or "..");
        }
        return safe
            ? name
            : throw Fault(WeightErrors.ZipUnsafePath, $"entry {WeightFault.Quote(name)} is not a plain relative path.");
    }

    private void CheckOverlap()
    {
        _used.Sort();
        long reached = 0;
        for (int i = 0; i < _used.Count; i++)
        {
            if (_used[i].Start < reached || (i == 0 && _used[i].Start != 0))
            {
                throw Invalid("entries overlap, or the container does not start with one.");
            }
            reached = _used[i].End;
        }
    }

    private void CheckGrowth()
    {
        long total = 0;
        long allowed = WeightLimits.TotalFor(_bytes.Length);
        foreach (ZipEntry entry in _entries.Values.Where(static entry => entry.Deflated))
        {
            long most =
                WeightLimits.FreeBytes / 4 + WeightLimits.MaxEntryRatio * Math.Min(entry.Stored, long.MaxValue / 128);
            total = entry.Size > allowed - total ? long.MaxValue : total + entry.Size;
            if (entry.Size > most || total > allowed)
            {
                throw Fault(
                    WeightErrors.ZipTooLarge,
                    $"entry {WeightFault.Quote(entry.Name)} grows from {entry.Stored} to {entry.Size} bytes; one entry may grow "
                        + $"{WeightLimits.MaxEntryRatio} times, all together to {allowed} bytes."
                );
            }
        }
    }

    private KdException Invalid(string what) => Fault(WeightErrors.ZipInvalid, what);

    private KdException Fault(ErrorCode code, string what) => WeightFault.Of(code, _origin, what);
}
