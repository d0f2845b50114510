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

    private readonly byte[] _bytes;
    private readonly List<Section> _sections = [];

    private readonly record struct Section(uint Type, int Offset, int Size, uint Link, uint Info);

    /// <summary>A required version: the library that defines it, its name, and where the entry stands in the file.</summary>
    internal readonly record struct Requirement(string Library, string Version, int EntryOffset, ushort Index);

    /// <summary>An undefined symbol of the dynamic symbol table.</summary>
    internal readonly record struct UndefinedSymbol(string Name, ushort VersionIndex, bool Weak, bool Relocated);

    private ElfFile(byte[] bytes) => _bytes = bytes;

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
    internal static ElfFile Parse(byte[] bytes)
    {
        if (bytes.Length < HeaderSize || WhyNotLoadable(bytes.AsSpan(0, HeaderSize), bytes.Length) is not null)
            throw new InvalidDataException("not an x86-64 ELF library");
        var elf = new ElfFile(bytes);
        var table = checked((int)elf.U64(40));
        int size = elf.U16(58),
            count = elf.U16(60);
        for (var i = 0; i < count; i++)
        {
            var at = table + i * size;
            var type = elf.U32(at + 4);
            if (type is 0 or 8)
                continue; // null and no-bits sections hold nothing
            elf._sections.Add(
                new(
                    type,
                    checked((int)elf.U64(at + 24)),
                    checked((int)elf.U64(at + 32)),
                    elf.U32(at + 40),
                    elf.U32(at + 44)
                )
            );
        }
        return elf;
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
                var aux = at + checked((int)U32(at + 12));
                found.Add(Text(strings + checked((int)U32(aux))));
                var next = checked((int)U32(at + 16));
                if (next == 0)
                    break;
                at += next;
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
                var library = Text(strings + checked((int)U32(at + 4)));
                int entry = at + checked((int)U32(at + 8));
                for (int j = 0, n = U16(at + 2); j < n; j++)
                {
                    found.Add(new(library, Text(strings + checked((int)U32(entry + 8))), entry, U16(entry + 6)));
                    entry += checked((int)U32(entry + 12));
                }
                var next = checked((int)U32(at + 12));
                if (next == 0)
                    break;
                at += next;
            }
        }
        return found;
    }

    /// <summary>Undefined symbols, each with whether any relocation needs it.</summary>
    internal List<UndefinedSymbol> UndefinedSymbols()
    {
        const int symbolSize = 24,
            relocationSize = 24;
        var used = new HashSet<uint>();
        foreach (var s in _sections.Where(s => s.Type == SectionRelocations))
            for (var at = s.Offset; at + relocationSize <= s.Offset + s.Size; at += relocationSize)
                used.Add((uint)(U64(at + 8) >> 32));

        var found = new List<UndefinedSymbol>();
        if (_sections.FirstOrDefault(s => s.Type == SectionDynamicSymbols) is not { Size: > 0 } symbols)
            return found;
        var strings = LinkedOffset(symbols);
        var versions = _sections.FirstOrDefault(s => s.Type == SectionSymbolVersions);
        for (var i = 1; i < symbols.Size / symbolSize; i++)
        {
            var at = symbols.Offset + i * symbolSize;
            if (U16(at + 6) != 0)
                continue; // defined in a section of this library
            var version = versions.Size >= 2 * (i + 1) ? (ushort)(U16(versions.Offset + 2 * i) & 0x7fff) : (ushort)0;
            var weak = Byte(at + 4) >> 4 == 2;
            found.Add(new(Text(strings + checked((int)U32(at))), version, weak, used.Contains((uint)i)));
        }
        return found;
    }

    /// <summary>Makes requirement <paramref name="from"/> ask for <paramref name="to"/> instead: hash and name, 8 bytes in all.</summary>
    internal static void Redirect(byte[] bytes, Requirement from, Requirement to)
    {
        bytes.AsSpan(to.EntryOffset, 4).CopyTo(bytes.AsSpan(from.EntryOffset, 4));
        bytes.AsSpan(to.EntryOffset + 8, 4).CopyTo(bytes.AsSpan(from.EntryOffset + 8, 4));
    }

    private int LinkedOffset(Section section) =>
        checked((int)U64(checked((int)(U64(40) + section.Link * (ulong)U16(58))) + 24));

    private byte Byte(int at) => Slice(at, 1)[0];

    private ushort U16(int at) => BinaryPrimitives.ReadUInt16LittleEndian(Slice(at, 2));

    private uint U32(int at) => BinaryPrimitives.ReadUInt32LittleEndian(Slice(at, 4));

    private ulong U64(int at) => BinaryPrimitives.ReadUInt64LittleEndian(Slice(at, 8));

    private ReadOnlySpan<byte> Slice(int at, int length) =>
        at >= 0 && at <= _bytes.Length - length
            ? _bytes.AsSpan(at, length)
            : throw new InvalidDataException($"offset {at} lies outside the file");

    private string Text(int at)
    {
        var rest = Slice(at, _bytes.Length - at);
        var end = rest.IndexOf((byte)0);
        return Encoding.ASCII.GetString(end < 0 ? rest : rest[..end]);
    }
}
