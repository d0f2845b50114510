using System.Buffers.Binary;
using KdPlugins.Torch.Native;
using Xunit;

namespace KdPlugins.Torch.Tests.Native;

public class ElfFileTests
{
    [Fact]
    public void The_versions_that_LibTorchSharp_requires_are_read()
    {
        var required = ElfFile.Parse(Places.ShimBytes).Requirements();
        Assert.Contains(required, r => r is { Library: "libstdc++.so.6", Version: "GLIBCXX_3.4.32" });
        Assert.Contains(required, r => r is { Library: "libc.so.6", Version: "GLIBC_2.34" });
        Assert.Equal(required.Count, required.Select(r => r.Index).Distinct().Count());
    }

    [Fact]
    public void The_versions_that_libstdcxx_defines_end_with_what_the_file_holds_as_text()
    {
        var (path, highest) = RequirementRelaxer.SystemCxx();
        var text = System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(path));
        Assert.Contains($"GLIBCXX_{highest}\0", text);
        Assert.DoesNotContain($"GLIBCXX_{highest.Major}.{highest.Minor}.{highest.Build + 1}\0", text);
    }

    [Fact]
    public void A_marker_without_relocation_is_told_from_a_function_that_is_called()
    {
        var symbols = ElfFile.Parse(Places.ShimBytes).UndefinedSymbols();
        Assert.False(symbols.Single(s => s.Name == "_ZSt21ios_base_library_initv").Relocated);
        Assert.True(
            symbols
                .Single(s => s.Name == "_ZN5torch8autograd4gradERKSt6vectorIN2at6TensorESaIS3_EES7_S7_St8optionalIbEbb")
                .Relocated
        );
    }

    [Fact]
    public void A_library_strikes_exactly_the_names_it_defines()
    {
        var names = new HashSet<string> { "aoti_torch_abi_version", "torch_call_dispatcher", "no_such_function" };
        using IDisposable file = new MappedFile(Path.Combine(Places.LibTorch, "libtorch_cpu.so"));
        ElfFile.Parse(((MappedFile)file).Memory).StrikeDefined(names);
        Assert.Equal(["no_such_function"], names);
    }

    [Theory]
    [InlineData(0, "shorter than an ELF header")]
    [InlineData(63, "shorter than an ELF header")]
    [InlineData(64, "is cut short")]
    [InlineData(2_000_000, "is cut short")]
    public void A_truncated_library_is_refused_by_its_header(int length, string reason)
    {
        using var folder = Places.NewFolder();
        File.WriteAllBytes(folder.File("cut.so"), Places.ShimBytes[..length]);
        Assert.Contains(reason, ElfFile.WhyNotLoadable(folder.File("cut.so")));
    }

    [Theory]
    [InlineData(0, 0x00, "is not an ELF library")]
    [InlineData(4, 1, "is not a 64-bit little-endian library")]
    [InlineData(5, 2, "is not a 64-bit little-endian library")]
    [InlineData(18, 183, "is built for arm64, this process is x86-64")]
    [InlineData(18, 3, "is built for x86, this process is x86-64")]
    public void A_library_for_another_machine_is_refused_by_name(int offset, byte value, string reason)
    {
        using var folder = Places.NewFolder();
        var bytes = (byte[])Places.ShimBytes.Clone();
        bytes[offset] = value;
        File.WriteAllBytes(folder.File("other.so"), bytes);
        Assert.Equal(reason, ElfFile.WhyNotLoadable(folder.File("other.so")));
        Assert.Equal(reason, Assert.Throws<InvalidDataException>(() => ElfFile.Parse(bytes)).Message);
    }

    [Fact]
    public void A_text_file_and_a_missing_file_are_refused()
    {
        using var folder = Places.NewFolder();
        File.WriteAllText(folder.File("text.so"), new string('x', 200));
        Assert.Equal("is not an ELF library", ElfFile.WhyNotLoadable(folder.File("text.so")));
        Assert.StartsWith("cannot be read: ", ElfFile.WhyNotLoadable(folder.File("absent.so")));
    }

    [Fact]
    public void Every_truncation_ends_in_a_typed_error()
    {
        var random = new Random(1);
        for (var i = 0; i < 300; i++)
            ReadAll(Places.ShimBytes[..(i < 100 ? i : random.Next(Places.ShimBytes.Length))]);
    }

    [Fact]
    public void Random_damage_to_headers_and_tables_ends_in_a_typed_error_or_a_result()
    {
        var random = new Random(2);
        var bytes = (byte[])Places.ShimBytes.Clone();
        var sections = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(40));
        var versions = ElfFile.Parse(bytes).Requirements().Min(r => r.EntryOffset) - 16;
        (int From, int To)[] places = [(16, 64), (sections, bytes.Length), (versions, versions + 0x210)];
        var damaged = 0;
        for (var i = 0; i < 400; i++)
        {
            var (from, to) = places[i % places.Length];
            var undo = new List<(int At, byte Old)>();
            for (var n = random.Next(1, 8); n > 0; n--)
            {
                var at = random.Next(from, to);
                undo.Add((at, bytes[at]));
                bytes[at] = (byte)(
                    random.Next(3) switch
                    {
                        0 => 0xff,
                        1 => 0,
                        _ => random.Next(256),
                    }
                );
            }
            if (!ReadAll(bytes))
                damaged++;
            for (var j = undo.Count - 1; j >= 0; j--)
                bytes[undo[j].At] = undo[j].Old;
        }
        Assert.InRange(damaged, 40, 399);
    }

    [Fact]
    public void A_version_table_that_points_at_itself_is_refused_quickly()
    {
        var bytes = (byte[])Places.ShimBytes.Clone();
        foreach (var requirement in ElfFile.Parse(bytes).Requirements())
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(requirement.EntryOffset + 12), 0);
        var first = ElfFile.Parse(bytes).Requirements().Min(r => r.EntryOffset) - 16;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(first + 2), ushort.MaxValue);
        Assert.Contains(
            "more entries than room",
            Assert.Throws<InvalidDataException>(() => ElfFile.Parse(bytes).Requirements()).Message
        );
    }

    // True where all could be read, false where the file was refused; every other exception fails the test.
    private static bool ReadAll(byte[] bytes)
    {
        try
        {
            var elf = ElfFile.Parse(bytes);
            elf.Requirements();
            elf.DefinedVersions();
            elf.UndefinedSymbols();
            elf.StrikeDefined(["a"]);
            return true;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }
}
