using System.Buffers.Binary;
using System.Text;

namespace KdPlugins.Torch.Native;

/// <summary>
/// The few facts of a 64-bit little-endian ELF shared library that start-up decides by: architecture, symbol versions
/// it requires and defines, and which undefined symbols are really used.
/// </summary>
internal sealed class ElfFile
{
    private const uint SectionVersionDefinitions = 0x6ffffffd;
    private const uint SectionVersionRequirements = 0x6ffffffe;
    private const uint SectionSymbolVersions = 0x6fffffff;
    private const uint SectionDynamicSymbols = 11;
    private const uint SectionRelocations = 4;
    private const int HeaderSize = 64;
    private const ushort MachineX64 = 62;

    // Longer than any mangled name seen; a name without an end is then an error, not a copy of the file.
    private const int MaximumNameLength = 16 * 1024;

    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly List<SectionEntry> _sections = [];

    private readonly record struct SectionEntry(uint Type, int Offset, int Size, uint Link, uint Info);

    /// <summary>A required version: the library that defines it, its name, and where the entry stands in the file.</summary>
    internal readonly record struct Requirement(string Library, string Version, int EntryOffset, ushort Index);

    /// <summary>An undefined symbol of the dynamic symbol table.</summary>
    internal readonly record struct UndefinedSymbol(string Name, ushort VersionIndex, bool Weak, bool Relocated);

    private ElfFile(ReadOnlyMemory<byte> bytes) => _bytes = bytes;

    /// <summary>Says why a file is no x86-64 shared library, or null where it is one, reading only its header.</summary>
    internal static string? WhyNotLoadable(string path)
    {
        Span<byte> head = stackalloc byte[HeaderSize];
        long length;
        int read;
        try
        {
            using var file = File.OpenRead(path);
            length = file.Length;
            read = file.ReadAtLeast(head, HeaderSize, throwOnEndOfStream: false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"cannot be read: {e.Message}";
        }

        return read < HeaderSize ? $"is {length} bytes long, shorter than an ELF header" : WhyNotLoadable(head, length);
    }

    private static string? WhyNotLoadable(ReadOnlySpan<byte> head, long length)
    {
        if (!head.StartsWith("\u007fELF"u8))
            return "is not an ELF library";
        if (head[4] != 2 || head[5] != 1)
            return "is not a 64-bit little-endian library";
        var machine = BinaryPrimitives.ReadUInt16LittleEndian(head[18..]);
        if (machine != MachineX64)
            return $"is built for {MachineName(machine)}, this process is x86-64";
        var sections = BinaryPrimitives.ReadUInt64LittleEndian(head[40..]);
        var sectionBytes =
            (ulong)BinaryPrimitives.ReadUInt16LittleEndian(head[58..])
            * BinaryPrimitives.ReadUInt16LittleEndian(head[60..]);
        return sections > (ulong)length || sectionBytes > (ulong)length - sections
            ? $"is cut short: {length} bytes, its section table ends at {sections + sectionBytes}"
            : null;
    }

    private static string MachineName(ushort machine) =>
        machine switch
        {
            3 => "x86",
            40 => "32-bit ARM",
            183 => "arm64",
            243 => "RISC-V",
            _ => $"machine {machine}",
        };

    /// <summary>Reads the section table. Throws <see cref="InvalidDataException"/> where the file does not hold together.</summary>
    internal static ElfFile Parse(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length < HeaderSize)
            throw new InvalidDataException($"is {bytes.Length} bytes long, shorter than an ELF header");
        if (WhyNotLoadable(bytes.Span[..HeaderSize], bytes.Length) is { } reason)
            throw new InvalidDataException(reason);
        var elf = new ElfFile(bytes);
        int count = elf.U16(60);
        for (uint i = 0; i < count; i++)
        {
            var at = elf.SectionHeader(i);
            var type = elf.U32(at + 4);
            if (type is 0 or 8)
                continue; // null and no-bits sections hold nothing
            var section = new SectionEntry(
                type,
                Offset(elf.U64(at + 24)),
                Offset(elf.U64(at + 32)),
                elf.U32(at + 40),
                elf.U32(at + 44)
            );
            elf.Slice(section.Offset, section.Size);
            elf._sections.Add(section);
        }
        return elf;
    }

    /// <summary>The content of a section by its name, such as <c>.rodata</c>; empty where there is none.</summary>
    internal ReadOnlyMemory<byte> Section(string name)
    {
        var names = Offset(U64(SectionHeader(U16(62)) + 24));
        for (uint i = 0; i < U16(60); i++)
        {
            var at = SectionHeader(i);
            if (Text(Add(names, U32(at))) != name)
                continue;
            int offset = Offset(U64(at + 24)),
                size = Offset(U64(at + 32));
            Slice(offset, size);
            return _bytes.Slice(offset, size);
        }
        return default;
    }

    /// <summary>The symbol versions that this library defines, such as <c>GLIBCXX_3.4.30</c>.</summary>
    internal List<string> DefinedVersions()
    {
        var found = new List<string>();
        foreach (var section in _sections.Where(s => s.Type == SectionVersionDefinitions))
        {
            var strings = LinkedOffset(section);
            int at = section.Offset;
            for (uint i = 0; i < section.Info; i++)
            {
                found.Add(Text(Add(strings, U32(Add(at, U32(at + 12))))));
                RefuseTooMany(found.Count, section, entrySize: 20);
                var next = U32(at + 16);
                if (next == 0)
                    break;
                at = Add(at, next);
            }
        }
        return found;
    }

    /// <summary>The symbol versions that this library requires of others.</summary>
    internal List<Requirement> Requirements()
    {
        var found = new List<Requirement>();
        foreach (var section in _sections.Where(s => s.Type == SectionVersionRequirements))
        {
            var strings = LinkedOffset(section);
            int at = section.Offset;
            for (uint i = 0; i < section.Info; i++)
            {
                var library = Text(Add(strings, U32(at + 4)));
                int entry = Add(at, U32(at + 8));
                for (int j = 0, n = U16(at + 2); j < n; j++)
                {
                    found.Add(new(library, Text(Add(strings, U32(entry + 8))), entry, U16(entry + 6)));
                    RefuseTooMany(found.Count, section, entrySize: 16);
                    entry = Add(entry, U32(entry + 12));
                }
                var next = U32(at + 12);
                if (next == 0)
                    break;
                at = Add(at, next);
            }
        }
        return found;
    }

    /// <summary>Undefined symbols, each with whether any relocation needs it.</summary>
    internal List<UndefinedSymbol> UndefinedSymbols()
    {
        const int relocationSize = 24;
        var used = new HashSet<uint>();
        foreach (var s in _sections.Where(s => s.Type == SectionRelocations))
            for (var at = 0; at <= s.Size - relocationSize; at += relocationSize)
                used.Add((uint)(U64(s.Offset + at + 8) >> 32));

        var found = new List<UndefinedSymbol>();
        var versions = _sections.FirstOrDefault(s => s.Type == SectionSymbolVersions);
        foreach (var (i, at, strings) in DynamicSymbols())
        {
            if (U16(at + 6) != 0)
                continue; // defined in a section of this library
            var version = versions.Size >= 2 * (i + 1) ? (ushort)(U16(versions.Offset + 2 * i) & 0x7fff) : (ushort)0;
            var weak = Byte(at + 4) >> 4 == 2;
            found.Add(new(Text(Add(strings, U32(at))), version, weak, used.Contains((uint)i)));
        }
        return found;
    }

    /// <summary>Removes from <paramref name="names"/> every symbol that this library defines.</summary>
    internal void StrikeDefined(HashSet<string> names)
    {
        var lookup = names.GetAlternateLookup<ReadOnlySpan<char>>();
        Span<char> characters = new char[MaximumNameLength];
        foreach (var (_, at, strings) in DynamicSymbols())
        {
            if (U16(at + 6) == 0)
                continue;
            var name = Name(Add(strings, U32(at)));
            lookup.Remove(characters[..Encoding.Latin1.GetChars(name, characters)]);
        }
    }

    private IEnumerable<(int Index, int Offset, int Strings)> DynamicSymbols()
    {
        const int symbolSize = 24;
        var symbols = _sections.FirstOrDefault(s => s.Type == SectionDynamicSymbols);
        if (symbols.Size == 0)
            yield break;
        var strings = LinkedOffset(symbols);
        for (var i = 1; i < symbols.Size / symbolSize; i++)
            yield return (i, symbols.Offset + i * symbolSize, strings);
    }

    /// <summary>Makes requirement <paramref name="from"/> ask for <paramref name="to"/> instead: hash and name, 8 bytes in all.</summary>
    internal static void Redirect(byte[] bytes, Requirement from, Requirement to)
    {
        bytes.AsSpan(to.EntryOffset, 4).CopyTo(bytes.AsSpan(from.EntryOffset, 4));
        bytes.AsSpan(to.EntryOffset + 8, 4).CopyTo(bytes.AsSpan(from.EntryOffset + 8, 4));
    }

    private int LinkedOffset(SectionEntry section) => Offset(U64(SectionHeader(section.Link) + 24));

    private int SectionHeader(uint index) => Offset(U64(40) + index * (ulong)U16(58));

    private static int Offset(ulong value) =>
        value <= int.MaxValue ? (int)value : throw new InvalidDataException($"offset {value} lies outside the file");

    private static int Add(int at, uint distance) => Offset((ulong)at + distance);

    // Entries that point at each other or overlap would otherwise be read for a very long time.
    private static void RefuseTooMany(int count, SectionEntry section, int entrySize)
    {
        if (count > section.Size / entrySize)
            throw new InvalidDataException("its version table has more entries than room");
    }

    private byte Byte(int at) => Slice(at, 1)[0];

    private ushort U16(int at) => BinaryPrimitives.ReadUInt16LittleEndian(Slice(at, 2));

    private uint U32(int at) => BinaryPrimitives.ReadUInt32LittleEndian(Slice(at, 4));

    private ulong U64(int at) => BinaryPrimitives.ReadUInt64LittleEndian(Slice(at, 8));

    private ReadOnlySpan<byte> Slice(int at, int length) =>
        at >= 0 && at <= _bytes.Length - length
            ? _bytes.Span.Slice(at, length)
            : throw new InvalidDataException($"offset {at} lies outside the file");

    private ReadOnlySpan<byte> Name(int at)
    {
        var rest = Slice(at, Math.Min(MaximumNameLength, Math.Max(0, _bytes.Length - at)));
        var end = rest.IndexOf((byte)0);
        return end >= 0 ? rest[..end] : throw new InvalidDataException($"the name at offset {at} has no end");
    }

    private string Text(int at) => Encoding.Latin1.GetString(Name(at));
}
