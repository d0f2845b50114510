using System.Text;
using KdPlugins.Core;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Host.Loading.Packages;
using KdPlugins.Host.Tests.Commands;
using KdPlugins.Torch;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>Packages: made the same each time, loaded like a folder, unpacked once and looked at again.</summary>
[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class PackageTests : IDisposable
{
    private readonly PluginRoot _root = new PluginRoot().Write(".source/One/One.dll", Packages.Loss);
    private readonly LoaderOptions _options;

    public PackageTests() => _options = new() { PackageFolder = _root.At(".store") };

    public void Dispose() => _root.Dispose();

    private string Source => _root.At(".source/One");

    private byte[] Pack() => PackageWriter.Pack(Source, _options).Bytes;

    [Fact]
    public void A_packed_folder_loads_from_its_package_and_unloads()
    {
        _root.Write(".source/One/sub/data.bin", "data").Write("one.kdplugin", Pack());
        var catalog = _root.Load(_options);
        Assert.Empty(catalog.Folders.Single().Findings);
        Assert.Equal(("one", "one.kdplugin"), (catalog.Plugins.Single().Id, catalog.Folders.Single().Name));
        catalog.Create(PluginKind.Loss, "one").Dispose();
        Assert.Equal("data", File.ReadAllText(Path.Combine(catalog.Plugins.Single().Folder, "sub/data.bin")));
        Assert.True(Assert.Single(catalog.Unload()).IsUnloaded);
        using var alone = FolderPluginCatalog.Load(_root.At("one.kdplugin"), _options);
        Assert.Equal("one", alone.Plugins.Single().Id);
    }

    [Fact]
    public void The_same_files_make_the_same_bytes_whenever_they_were_written()
    {
        _root.Write(".source/One/b.txt", "b").Write(".source/One/a/c.txt", "c");
        var first = Pack();
        foreach (var file in Directory.EnumerateFiles(Source, "*", SearchOption.AllDirectories))
            File.SetLastWriteTimeUtc(file, new(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc));
        File.SetUnixFileMode(Path.Combine(Source, "b.txt"), UnixFileMode.UserRead);
        Assert.Equal(first, Pack());
    }

    [Fact]
    public void What_the_author_wrote_stays_and_what_the_host_provides_is_left_out()
    {
        _root
            .Write(
                ".source/One/plugin.json",
                """{ "id": "mine", "version": "2.1.0", "paper": "p", "kinds": ["loss"] }"""
            )
            .Write(".source/One/One.runtimeconfig.json", "{}")
            .Write(".source/One/KdPlugins.Sdk.pdb", "x");
        var (_, manifest) = PackageWriter.Pack(Source, _options);
        Assert.Equal(("mine", "2.1.0", "p"), (manifest.Id, manifest.Version!.ToString(), manifest.Paper));
        Assert.Equal("[0.1, 1.0)", manifest.SdkText);
        Assert.Equal(["One.dll"], manifest.Files.Select(f => f.Path));
    }

    [Fact]
    public void A_folder_that_would_not_load_is_not_packed()
    {
        Assert.Equal(
            HostErrors.NoPlugin,
            Assert.Throws<KdException>(() => PackageWriter.Pack("/nowhere", _options)).Code
        );
        _root.Write(".source/One/One.dll", "no assembly");
        Assert.Equal(HostErrors.BadAssembly, Assert.Throws<KdException>(Pack).Code);
    }

    [Fact]
    public void A_package_is_unpacked_once_and_again_where_its_copy_was_changed()
    {
        _root.Write("one.kdplugin", Pack());
        var folder = _root.Load(_options).Plugins.Single().Folder;
        var assembly = Path.Combine(folder, "One.dll");
        var written = File.GetLastWriteTimeUtc(assembly);
        Assert.Equal(folder, _root.Load(_options).Plugins.Single().Folder);
        Assert.Equal(written, File.GetLastWriteTimeUtc(assembly));
        File.WriteAllText(Path.Combine(folder, "planted.dll"), "x");
        File.WriteAllText(assembly, "x");
        Assert.Single(_root.Load(_options).Plugins);
        Assert.Equal(Packages.Loss, File.ReadAllBytes(assembly));
        Assert.False(File.Exists(Path.Combine(folder, "planted.dll")));
        Assert.Equal([folder], Directory.EnumerateFileSystemEntries(_options.PackageFolder!));
    }

    [Fact]
    public void What_nobody_used_for_a_month_and_what_was_never_finished_is_cleaned_away()
    {
        foreach (var (name, days) in ((string, int)[])[("old", 31), ("used", 1), (".tmp-left", 1), (".tmp-now", 0)])
        {
            Directory.CreateDirectory(_root.At($".store/{name}"));
            Directory.SetLastWriteTimeUtc(_root.At($".store/{name}"), DateTime.UtcNow.AddDays(-days));
        }
        _root.Write("one.kdplugin", Pack()).Load(_options);
        var left = Directory.EnumerateDirectories(_options.PackageFolder!).Select(Path.GetFileName).ToList();
        Assert.Equal([".tmp-now", "used"], left.Where(n => n!.Length < 64).Order(StringComparer.Ordinal));
        Assert.Equal(3, left.Count);
    }

    [Fact]
    public void Many_at_once_unpack_one_package_into_one_folder()
    {
        _root.Write("one.kdplugin", Pack());
        var store = new PackageStore(_options.PackageFolder!, TimeProvider.System);
        var folders = new string[16];
        Parallel.For(0, 16, i => folders[i] = store.Unpack(_root.At("one.kdplugin"), _options));
        Assert.Single(folders.Distinct());
        Assert.Equal([folders[0]], Directory.EnumerateFileSystemEntries(_options.PackageFolder!));
    }

    [Fact]
    public void A_package_that_is_refused_holds_nobody_up_and_is_named()
    {
        _root.Write("one.kdplugin", Pack()).Write("bad.kdplugin", "no zip").Write("half.kdplugin", Pack()[..^100]);
        var catalog = _root.Load(_options);
        Assert.Equal("one", catalog.Plugins.Single().Id);
        foreach (var name in (string[])["bad.kdplugin", "half.kdplugin"])
        {
            var folder = catalog.Folders.Single(f => f.Name == name);
            Assert.Equal((PluginState.Refused, "KDP0123"), (folder.State, folder.Findings.Single().Code.Id));
            Assert.Contains(name, folder.Findings.Single().Detail);
        }
    }

    [Fact]
    public void Of_a_package_and_a_newer_folder_the_newer_is_used()
    {
        _root.Write("one.kdplugin", Pack());
        _root.Add("One", PluginCompiler.Loss("one", arguments: ", Version = \"2.0.0\""));
        Assert.Equal("2.0.0", _root.Load(_options).Plugins.Single().Version);
    }

    [Fact]
    public void A_locked_folder_takes_a_package_that_was_approved_and_no_other()
    {
        var locked = _options with { Trust = TrustLevel.Locked };
        _root.Write("one.kdplugin", Pack());
        Assert.StartsWith("KDP0111", _root.Refusal("one.kdplugin", locked));
        FolderPluginCatalog.Approve(_root.Path, ["one.kdplugin"], locked);
        Assert.Single(_root.Load(locked).Plugins);
        _root.Write(".source/One/more.json", "{}").Write("one.kdplugin", Pack());
        Assert.Contains("more.json is new", _root.Refusal("one.kdplugin", locked));
    }

    [Fact]
    public void The_commands_pack_and_verify_a_package()
    {
        var file = _root.At("out.kdplugin");
        var packed = Kd.Call("plugins", "pack", Source, "-o", file, "--json");
        Assert.True(packed.ExitCode == 0, packed.Error);
        Assert.Equal("One", (string?)packed.Lines.Single()["id"]);
        Assert.Equal(Pack(), File.ReadAllBytes(file));
        var verified = Kd.Call("plugins", "verify", "--plugins", file, "--json");
        Assert.True(verified.ExitCode == 0, verified.Error);
        Assert.Equal((1, 1), ((int)verified.Lines.Single()["plugins"]!, (int)verified.Lines.Single()["unloaded"]!));
        File.WriteAllBytes(file, Encoding.UTF8.GetBytes("PK"));
        var refused = Kd.Call("plugins", "verify", "--plugins", file);
        Assert.Equal(ExitCodes.PluginRefused, refused.ExitCode);
        Assert.Contains("KDP0123", refused.Error);
    }
}
