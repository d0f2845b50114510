using System.Buffers.Binary;
using KdPlugins.Torch.Native;
using Xunit;

namespace KdPlugins.Torch.Tests.Native;

public class RequirementRelaxerTests
{
    private static readonly Version Debian12 = new(3, 4, 30);

    [Fact]
    public void A_system_that_is_new_enough_gets_the_original() =>
        Assert.Equal(new(null, null, null), RequirementRelaxer.Relax(Places.ShimBytes, new(3, 4, 32)));

    [Fact]
    public void A_marker_that_nothing_calls_is_relaxed_by_eight_bytes()
    {
        var outcome = RequirementRelaxer.Relax(Places.ShimBytes, Debian12);
        Assert.Null(outcome.Refusal);
        Assert.Equal("GLIBCXX_3.4.32 -> GLIBCXX_3.4.30", outcome.Change);
        var changed = Places.ShimBytes.Zip(outcome.Image!).Count(p => p.First != p.Second);
        Assert.InRange(changed, 1, 8);
        var before = ElfFile.Parse(Places.ShimBytes).Requirements();
        var after = ElfFile.Parse(outcome.Image).Requirements();
        Assert.Equal(
            before.Select(r => r.Version == "GLIBCXX_3.4.32" ? r with { Version = "GLIBCXX_3.4.30" } : r),
            after
        );
        // The loader compares hashes, not names: both have to be those of the older version.
        Assert.Equal(SysvHash("GLIBCXX_3.4.30"), HashOf(outcome.Image!, "GLIBCXX_3.4.30"));
    }

    [Fact]
    public void The_original_stays_as_it_was()
    {
        var copy = (byte[])Places.ShimBytes.Clone();
        RequirementRelaxer.Relax(copy, Debian12);
        Assert.Equal(Places.ShimBytes, copy);
    }

    [Fact]
    public void A_function_that_is_called_is_refused_by_name()
    {
        var outcome = RequirementRelaxer.Relax(Places.ShimBytes, new(3, 4, 28));
        Assert.Null(outcome.Image);
        Assert.Contains("libstdc++.so.6 for _Z", outcome.Refusal);
        Assert.Contains("this system has GLIBCXX_3.4.28", outcome.Refusal);
    }

    [Fact]
    public void A_called_function_among_the_symbols_of_the_marker_version_is_refused_by_name()
    {
        // Give a function that is called (operator new, say) the version that only the marker has.
        var bytes = (byte[])Places.ShimBytes.Clone();
        var elf = ElfFile.Parse(bytes);
        var wanted = elf.Requirements().Single(r => r.Version == "GLIBCXX_3.4.32").Index;
        var from = elf.Requirements().Single(r => r.Version == "GLIBCXX_3.4.30").Index;
        var victim = elf.UndefinedSymbols().First(s => s.Relocated && s.VersionIndex == from).Name;
        var (versions, count) = VersionSymbolTable(bytes);
        for (var i = 0; i < count; i++)
            if (BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(versions + 2 * i)) == from)
                BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(versions + 2 * i), wanted);

        var outcome = RequirementRelaxer.Relax(bytes, Debian12);
        Assert.Null(outcome.Image);
        Assert.Contains(victim, outcome.Refusal);
        Assert.Contains("needs GLIBCXX_3.4.32", outcome.Refusal);
    }

    [Fact]
    public void No_older_version_to_ask_for_is_a_refusal()
    {
        var outcome = RequirementRelaxer.Relax(WithoutRelocations(), new(3, 3));
        Assert.Null(outcome.Image);
        Assert.StartsWith("needs GLIBCXX_3.4", outcome.Refusal);
    }

    // The hash of the ELF specification, written out independently.
    private static uint SysvHash(string name)
    {
        uint h = 0;
        foreach (var c in name)
        {
            h = (h << 4) + c;
            var g = h & 0xf0000000;
            if (g != 0)
                h ^= g >> 24;
            h &= ~g;
        }
        return h;
    }

    private static uint HashOf(byte[] image, string version) =>
        ElfFile
            .Parse(image)
            .Requirements()
            .Where(r => r.Version == version)
            .Select(r => BinaryPrimitives.ReadUInt32LittleEndian(image.AsSpan(r.EntryOffset)))
            .Distinct()
            .Single();

    private static byte[] WithoutRelocations()
    {
        var bytes = (byte[])Places.ShimBytes.Clone();
        foreach (var header in SectionHeaders(bytes))
            if (BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(header + 4)) == 4)
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(header + 4), 1);
        return bytes;
    }

    private static (int Offset, int Count) VersionSymbolTable(byte[] bytes)
    {
        var header = SectionHeaders(bytes)
            .Single(h => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(h + 4)) == 0x6fffffff);
        return (
            (int)BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(header + 24)),
            (int)BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(header + 32)) / 2
        );
    }

    private static IEnumerable<int> SectionHeaders(byte[] bytes)
    {
        var table = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(40));
        int size = bytes[58],
            count = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(60));
        return Enumerable.Range(0, count).Select(i => table + i * size);
    }
}
