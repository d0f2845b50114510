using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Host.Loading.Inspection;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>Files that are no plugins: refused by name and reason, while the others load.</summary>
public sealed class HostileFileTests : IDisposable
{
    private static readonly byte[] Good = PluginCompiler.Compile("Bad", PluginCompiler.Loss("bad"));
    private readonly PluginRoot _root = new PluginRoot().Add("Sound", PluginCompiler.Loss("sound"));

    public void Dispose() => _root.Dispose();

    [Theory]
    [InlineData("empty", "is empty (0 bytes)")]
    [InlineData("text", "is no .NET assembly (11 bytes that do not start with 'MZ')")]
    [InlineData("elf", "is a native library (ELF), not a .NET assembly")]
    [InlineData("truncated", "is damaged: ")]
    [InlineData("random", "is damaged: ")]
    public void A_file_that_is_no_assembly_is_refused_with_what_it_is(string what, string expected)
    {
        var noise = new byte[5000];
        new Random(1).NextBytes(noise);
        (noise[0], noise[1]) = ((byte)'M', (byte)'Z');
        byte[] content = what switch
        {
            "empty" => [],
            "text" => "hello world"u8.ToArray(),
            "elf" => [0x7F, .. "ELF and more"u8],
            "truncated" => Good[..(Good.Length / 2)],
            _ => noise,
        };
        _root.Add("Bad", content);
        var message = _root.Refusal("Bad");
        Assert.StartsWith($"KDP0102 {_root.At("Bad/Bad.dll")} {expected}", message);
        Assert.Equal(PluginState.Active, _root.Load().Status("sound").State);
    }

    [Fact]
    public void A_native_library_of_Windows_is_told_from_an_assembly()
    {
        using var pe = new PEReader(new MemoryStream(Good));
        // The data directory of the CLI header is the fifteenth; without it the file is a native image.
        var native = (byte[])Good.Clone();
        var directories = pe.PEHeaders.PEHeaderStartOffset + (pe.PEHeaders.PEHeader!.Magic == PEMagic.PE32 ? 96 : 112);
        native.AsSpan(directories + 14 * 8, 8).Clear();
        Assert.Contains("is a native library, not a .NET assembly", _root.Add("Bad", native).Refusal("Bad"));
    }

    [Theory]
    [InlineData(0xAA64, "Arm64")]
    [InlineData(0xAA64 ^ 0x7B79, "Arm64 (Linux)")]
    [InlineData(0x8664 ^ 0x4644, "Amd64 (macOS)")]
    [InlineData(0x1234, "an unknown machine (0x1234)")]
    public void An_assembly_for_another_machine_is_refused(int machine, string named)
    {
        var message = _root.Add("Bad", PluginCompiler.ForMachine(Good, (ushort)machine)).Refusal("Bad");
        Assert.StartsWith("KDP0103", message);
        Assert.Contains(named, message);
        Assert.Contains("this process is Amd64", message);
    }

    [Theory]
    [InlineData(0x8664)]
    [InlineData(0x8664 ^ 0x7B79)]
    public void An_assembly_for_this_machine_passes(int machine) =>
        Assert.Null(AssemblyReader.Read(PluginCompiler.ForMachine(Good, (ushort)machine), out _)!.ForeignMachine);

    [Theory]
    [InlineData(".NETStandard,Version=v2.0")]
    [InlineData(".NETFramework,Version=v4.8")]
    [InlineData(".NETCoreApp,Version=v99.0")]
    public void An_assembly_for_another_framework_is_refused(string framework)
    {
        var image = PluginCompiler.Compile("Bad", PluginCompiler.Loss("bad"), framework: framework);
        var message = _root.Add("Bad", image).Refusal("Bad");
        Assert.StartsWith("KDP0105 Bad.dll is for", message);
        Assert.Contains($"this host is .NET {Environment.Version.Major}.{Environment.Version.Minor}", message);
    }

    [Fact]
    public void An_older_framework_and_one_that_is_not_named_are_warnings()
    {
        _root
            .Add(
                "Old",
                PluginCompiler.Compile("Old", PluginCompiler.Loss("old"), framework: ".NETCoreApp,Version=v8.0")
            )
            .Add("None", PluginCompiler.Compile("None", PluginCompiler.Loss("none"), framework: null));
        var catalog = _root.Load();
        Assert.Equal(["none", "old", "sound"], catalog.Plugins.Select(p => p.Id));
        foreach (
            var (folder, said) in new[] { ("None", "does not say"), ("Old", "is for .NET 8.0, the SDK is for .NET") }
        )
        {
            var finding = Assert.Single(catalog.Folders.Single(f => f.Name == folder).Findings);
            Assert.Equal((Severity.Warning, HostErrors.WrongFramework), (finding.Severity, finding.Code));
            Assert.Contains(said, finding.Detail);
        }
    }

    [Fact]
    public void A_file_past_the_cap_is_refused_unread()
    {
        _root.Add("Bad", Good);
        Assert.StartsWith("KDP0122", _root.Refusal("Bad", new() { MaxAssemblyBytes = 1000 }));
        Assert.Contains("more than 1 files", _root.Write("Bad/x.txt", "").Refusal("Bad", new() { MaxFiles = 1 }));
    }

    [Fact]
    public void Whatever_the_bytes_are_reading_ends_in_facts_or_a_reason()
    {
        var random = new Random(20260101);
        for (var i = 0; i < 2000; i++)
        {
            var image = (byte[])Good.Clone();
            for (var flips = random.Next(1, 9); flips > 0; flips--)
                image[random.Next(image.Length)] = (byte)random.Next(256);
            var cut = i % 4 == 0 ? image[..random.Next(image.Length)] : image;
            var facts = AssemblyReader.Read(cut, out var reason);
            Assert.True(facts is null != reason is null);
        }
    }

    [Fact]
    public void Folders_without_a_plugin_say_what_they_lack()
    {
        _root.Write("Empty/readme.txt", "");
        _root.Add("Library", "public class Nothing;");
        _root
            .Add("A", PluginCompiler.Loss("a"))
            .Write("Two/One.dll", PluginCompiler.Compile("One", PluginCompiler.Loss("one")));
        _root.Write("Two/Other.dll", PluginCompiler.Compile("Other", PluginCompiler.Loss("other")));
        Assert.Contains("has no .dll", _root.Refusal("Empty"));
        Assert.Contains("No class in", _root.Refusal("Library"));
        Assert.Contains("several assemblies with plugins: One.dll, Other.dll", _root.Refusal("Two"));
    }

    [Fact]
    public void An_assembly_under_another_name_is_refused()
    {
        var message = _root.Write("Renamed/Renamed.dll", Good).Refusal("Renamed");
        Assert.Contains("is called like one assembly and is another, 'Bad'", message);
    }

    [Fact]
    public void A_type_that_is_specified_by_itself_does_not_end_the_process()
    {
        // A generic instance (0x15) of the class (0x12) that row 1 of the specifications is: itself.
        var image = Image(metadata =>
        {
            var blob = new BlobBuilder();
            blob.WriteBytes((byte[])[0x15, 0x12, (1 << 2) | 2, 0]);
            var self = metadata.AddTypeSpecification(metadata.GetOrAddBlob(blob));
            metadata.AddMemberReference(self, metadata.GetOrAddString("add_X"), metadata.GetOrAddBlob(blob));
        });
        Assert.NotNull(AssemblyReader.Read(image, out _));
    }

    [Fact]
    public void An_attribute_that_nests_without_end_does_not_end_the_process()
    {
        var image = Image(metadata =>
        {
            var attribute = metadata.AddTypeReference(
                metadata.AddAssemblyReference(
                    metadata.GetOrAddString("System.Runtime"),
                    new(10, 0, 0, 0),
                    default,
                    default,
                    0,
                    default
                ),
                metadata.GetOrAddString("System.Runtime.Versioning"),
                metadata.GetOrAddString("TargetFrameworkAttribute")
            );
            var signature = new BlobBuilder();
            signature.WriteBytes((byte[])[0x20, 1, 1, 0x1C]); // an instance method of one object
            var constructor = metadata.AddMemberReference(
                attribute,
                metadata.GetOrAddString(".ctor"),
                metadata.GetOrAddBlob(signature)
            );
            var value = new BlobBuilder();
            value.WriteUInt16(1);
            for (var i = 0; i < 200_000; i++)
            {
                value.WriteBytes((byte[])[0x1D, 0x51]); // an array of objects,
                value.WriteInt32(1); // of length one: another of its kind
            }
            metadata.AddCustomAttribute(EntityHandle.AssemblyDefinition, constructor, metadata.GetOrAddBlob(value));
        });
        Assert.Null(AssemblyReader.Read(image, out var reason));
        Assert.Contains("the value of an attribute has 1200002 bytes", reason);
    }

    private static byte[] Image(Action<MetadataBuilder> add)
    {
        var metadata = new MetadataBuilder();
        var name = metadata.GetOrAddString("Hostile");
        metadata.AddModule(0, name, metadata.GetOrAddGuid(Guid.Empty), default, default);
        metadata.AddAssembly(name, new(1, 0, 0, 0), default, default, 0, AssemblyHashAlgorithm.None);
        metadata.AddTypeDefinition(
            default,
            default,
            metadata.GetOrAddString("<Module>"),
            default,
            MetadataTokens.FieldDefinitionHandle(1),
            MetadataTokens.MethodDefinitionHandle(1)
        );
        add(metadata);
        var image = new BlobBuilder();
        new ManagedPEBuilder(PEHeaderBuilder.CreateLibraryHeader(), new(metadata), new()).Serialize(image);
        return image.ToArray();
    }
}
