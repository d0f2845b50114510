using System.Buffers.Binary;
using System.Text;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Packages;
using KdPlugins.Torch;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>Packages that were made to harm: each is refused with a reason, and nothing of it is left anywhere.</summary>
public sealed class HostilePackageTests
{
    private static readonly (string, byte[])[] Good = [("One.dll", Packages.Loss)];

    [Theory]
    [InlineData("../evil.dll")]
    [InlineData("sub/../../evil.dll")]
    [InlineData("/etc/cron.d/evil")]
    [InlineData("//server/share/evil.dll")]
    [InlineData("\\\\server\\share\\evil.dll")]
    [InlineData("..\\evil.dll")]
    [InlineData("C:\\evil.dll")]
    [InlineData("C:evil.dll")]
    [InlineData("file:///evil.dll")]
    [InlineData("~/evil.dll")]
    [InlineData("./evil.dll")]
    [InlineData("sub//evil.dll")]
    [InlineData("sub/")]
    [InlineData("evil.dll.")]
    [InlineData("evil.dll ")]
    [InlineData("data.txt:stream")]
    [InlineData("nul")]
    [InlineData("com1.txt")]
    [InlineData("evil\0.dll")]
    [InlineData("evil\n.dll")]
    public void An_entry_that_would_lie_elsewhere_is_refused(string name)
    {
        var error = Packages.Refusal(Packages.Make([.. Good, (name, [1])], Packages.Manifest(Good)));
        Assert.Equal(HostErrors.PathOutside, error.Code);
        Assert.DoesNotContain('\0', error.Message);
        // The manifest is not believed either.
        if (!name.Contains('\0', StringComparison.Ordinal))
            Assert.Equal(HostErrors.PathOutside, Packages.Refusal(Packages.Make([.. Good, (name, [1])])).Code);
    }

    [Fact]
    public void Links_and_devices_are_refused()
    {
        foreach (var type in (int[])[0xA000, 0x2000, 0x6000, 0x1000, 0xC000])
        {
            var link = Packages.Make([("One.dll", "/etc/passwd"u8.ToArray())], attributes: (type | 0x1FF) << 16);
            Assert.Contains("is a link or a device", Packages.Refusal(link).Message);
        }
    }

    [Theory]
    [InlineData("a.json", "a.json")]
    [InlineData("a.json", "A.JSON")]
    [InlineData("a", "a/b.json")]
    [InlineData("A/x/b.json", "a")]
    public void Two_entries_for_one_place_are_refused(string one, string two)
    {
        var error = Packages.Refusal(Packages.Make([.. Good, (one, [1]), (two, [2])], Packages.Manifest(Good)));
        Assert.Equal(HostErrors.PathOutside, error.Code);
    }

    [Fact]
    public void What_plugin_json_does_not_list_and_what_is_not_what_it_lists_is_refused()
    {
        (string, byte[])[] other = [("One.dll", [1, 2, 3])];
        Assert.Contains("has the SHA-256", Packages.Refusal(Packages.Make(Good, Packages.Manifest(other))).Message);
        Assert.Contains("not under 'files'", Packages.Refusal(Packages.Make(Good, Packages.Manifest())).Message);
        var more = Packages.Manifest([.. Good, ("Two.dll", [1])]);
        Assert.Contains("lists 'Two.dll', which is not", Packages.Refusal(Packages.Make(Good, more)).Message);
        var twice = Packages.Manifest([.. Good, .. Good]);
        Assert.Contains("lists 'One.dll' twice", Packages.Refusal(Packages.Make(Good, twice)).Message);
    }

    [Theory]
    [InlineData("id")]
    [InlineData("version")]
    [InlineData("sdk")]
    [InlineData("entryAssembly")]
    public void A_manifest_without_what_a_package_needs_is_refused(string key)
    {
        var json = System.Text.Json.Nodes.JsonNode.Parse(Packages.Manifest(Good))!.AsObject();
        json.Remove(key);
        var error = Packages.Refusal(Packages.Make(Good, json.ToJsonString()));
        Assert.Equal((HostErrors.BadPackage, true), (error.Code, error.Message.Contains($"has no '{key}'")));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{\"id\":\"a\",\"id\":\"b\"}")]
    [InlineData("{\"files\":[{\"path\":\"One.dll\",\"sha256\":\"12\"}]}")]
    public void A_manifest_that_cannot_be_read_is_refused(string json) =>
        Assert.Equal(HostErrors.BadManifest, Packages.Refusal(Packages.Make(Good, json)).Code);

    [Fact]
    public void Bombs_are_refused_before_they_go_off()
    {
        var zeros = Packages.Make([.. Good, ("zeros.bin", new byte[8 << 20])]);
        Assert.True(zeros.Length < 100_000);
        Assert.Contains("more than 200 times its size", Packages.Refusal(zeros).Message);
        var small = new LoaderOptions { MaxPackageBytes = 100_000 };
        var noise = new byte[60_000];
        new Random(1).NextBytes(noise);
        var two = Packages.Make([.. Good, ("a.bin", noise), ("b.bin", new byte[60_000])]);
        Assert.Contains("unpacks to more than 100000 bytes", Packages.Refusal(two, small).Message);
        var many = Packages.Make([.. Good, .. Enumerable.Range(0, 30).Select(i => ($"{i}.txt", Array.Empty<byte>()))]);
        Assert.Contains("at most 20 are read", Packages.Refusal(many, new() { MaxFiles = 20 }).Message);
        Assert.Equal(HostErrors.TooLarge, Packages.Refusal(two, new() { MaxPackageBytes = 100 }).Code);
    }

    [Fact]
    public void An_archive_that_lies_about_lengths_is_refused()
    {
        // The directory says 10 bytes; the stream holds 5000.
        var package = Packages.Make([.. Good, ("long.txt", Encoding.ASCII.GetBytes(new string('x', 5000)))]);
        foreach (var claim in (uint[])[10, 6000])
        {
            var lie = (byte[])package.Clone();
            var at = DirectoryEntry(lie, "long.txt");
            BinaryPrimitives.WriteUInt32LittleEndian(lie.AsSpan(at + 24), claim);
            Assert.Equal(HostErrors.BadPackage, Packages.Refusal(lie).Code);
        }
    }

    [Fact]
    public void A_directory_that_claims_few_entries_and_has_many_or_lies_elsewhere_is_refused()
    {
        var package = Packages.Make(Good);
        foreach (var offset in (int[])[8, 10, 12, 16])
        {
            var lie = (byte[])package.Clone();
            lie[^(22 - offset)] ^= 0x01;
            Assert.Equal(HostErrors.BadPackage, Packages.Refusal(lie).Code);
        }
        byte[] prepended = [.. "MZ this is also a program"u8, .. package];
        Assert.Equal(HostErrors.BadPackage, Packages.Refusal(prepended).Code);
        byte[] appended = [.. package, 0];
        Assert.Equal(HostErrors.BadPackage, Packages.Refusal(appended).Code);
        Assert.Equal(HostErrors.BadPackage, Packages.Refusal([]).Code);
    }

    [Fact]
    public void Any_damage_is_a_refusal_and_never_another_exception()
    {
        var package = Packages.Make([.. Good, ("settings.json", "{}"u8.ToArray())]);
        var random = new Random(7);
        var root = Directory.CreateTempSubdirectory("kd-package-").FullName;
        var unpacked = 0;
        for (var i = 0; i < 400; i++)
        {
            var damaged = (byte[])package.Clone();
            for (var n = random.Next(1, 8); n > 0; n--)
                damaged[random.Next(2) == 0 ? random.Next(damaged.Length) : damaged.Length - 1 - random.Next(300)] =
                    (byte)random.Next(256);
            if (i % 10 == 0)
                damaged = damaged[..random.Next(damaged.Length)];
            var folder = Path.Combine(root, $"{i}");
            try
            {
                PackageFile.Extract(new MemoryStream(damaged), "one.kdplugin", folder, new());
                unpacked++;
                // Damage where it matters to nobody, such as a time: the files are what they were.
                Assert.Equal(Packages.Loss, File.ReadAllBytes(Path.Combine(folder, "One.dll")));
            }
            catch (KdException)
            {
                Assert.False(Directory.Exists(folder));
            }
        }
        Directory.Delete(root, recursive: true);
        Assert.True(unpacked < 200);
    }

    private static int DirectoryEntry(byte[] package, string name)
    {
        var bytes = Encoding.ASCII.GetBytes(name);
        for (var at = package.Length - 46 - bytes.Length; at >= 0; at--)
            if (
                BinaryPrimitives.ReadUInt32LittleEndian(package.AsSpan(at)) == 0x02014b50
                && package.AsSpan(at + 46, bytes.Length).SequenceEqual(bytes)
            )
                return at;
        throw new InvalidOperationException($"{name} is not in the directory");
    }
}
