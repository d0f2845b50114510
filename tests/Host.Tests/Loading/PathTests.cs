using System.Runtime.Versioning;
using KdPlugins.Core;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Folders;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>Where plugins lie, and what happens to the files meanwhile.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class PathTests : IDisposable
{
    private readonly PluginRoot _root = new("kd pl\u00FCgins \u6A21\u578B");

    public void Dispose() => _root.Dispose();

    private static string Use(FolderPluginCatalog catalog, string id)
    {
        using var instance = catalog.Create(PluginKind.Loss, id);
        return instance.Plugin.ToString()!;
    }

    private static string Saying(string id, string text) =>
        PluginCompiler.Loss(id, $"public override string ToString() => \"{text}\";");

    [Fact]
    public void Names_beyond_ASCII_and_with_spaces_load()
    {
        _root.Add("Fu\u00DF ball-\u84B8\u7559", Saying("foot", "x"));
        Assert.Equal("x", Use(_root.Load(), "foot"));
    }

    [Fact]
    public void Long_paths_load()
    {
        var deep = string.Join('/', Enumerable.Repeat(new string('d', 120), 6));
        _root.Write($"{deep}/Deep/Deep.dll", PluginCompiler.Compile("Deep", Saying("deep", "x")));
        using var catalog = FolderPluginCatalog.Load(_root.At(deep));
        Assert.True(catalog.Root.Length > 720);
        Assert.Equal("x", Use(catalog, "deep"));
    }

    [Fact]
    public void A_link_out_of_the_folder_is_refused_and_one_inside_is_not()
    {
        _root.Add("One", Saying("one", "x")).Write("elsewhere.json", "{}").Write("One/real.json", "{}");
        File.CreateSymbolicLink(_root.At("One/inside.json"), "real.json");
        Assert.Single(_root.Load().Plugins);
        File.CreateSymbolicLink(_root.At("One/outside.json"), "../elsewhere.json");
        var message = _root.Refusal("One");
        Assert.StartsWith("KDP0110", message);
        Assert.Contains("outside.json is a link to ../elsewhere.json, outside", message);
    }

    [Fact]
    public void A_linked_subfolder_out_of_the_folder_is_refused()
    {
        _root.Add("One", Saying("one", "x"));
        Directory.CreateSymbolicLink(_root.At("One/sub"), Path.GetTempPath());
        Assert.StartsWith("KDP0110", _root.Refusal("One"));
    }

    [Fact]
    public void A_linked_plugin_folder_loads_from_where_it_leads()
    {
        var build = _root.At(".build/One");
        _root.Write(".build/One/One.dll", PluginCompiler.Compile("One", Saying("one", "x")));
        Directory.CreateSymbolicLink(_root.At("One"), build);
        Assert.Equal("x", Use(_root.Load(), "one"));
    }

    [Fact]
    public void A_hard_link_is_a_file_like_any_other()
    {
        // Builds hard-link their copies. What counts is the content, which pre-flight hashes and loads from memory.
        _root.Write(".build/One.dll", PluginCompiler.Compile("One", Saying("one", "x")));
        Directory.CreateDirectory(_root.At("One"));
        using var link = System.Diagnostics.Process.Start("ln", [_root.At(".build/One.dll"), _root.At("One/One.dll")]);
        link.WaitForExit();
        Assert.Equal("x", Use(_root.Load(), "one"));
    }

    [Fact]
    public void A_read_only_folder_loads()
    {
        _root.Add("One", Saying("one", "x"));
        File.SetUnixFileMode(_root.At("One/One.dll"), UnixFileMode.UserRead);
        File.SetUnixFileMode(_root.At("One"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            Assert.Equal("x", Use(_root.Load(), "one"));
        }
        finally
        {
            File.SetUnixFileMode(
                _root.At("One"),
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            );
        }
    }

    [Fact]
    public void A_folder_that_changes_while_it_is_loaded_is_refused()
    {
        _root.Add("One", Saying("one", "x"));
        // The hook runs between the loading and the second look, like a copy that is still going on.
        var options = new LoaderOptions { BeforeFirstInstance = () => _root.Write("One/late.json", "{}") };
        var catalog = _root.Load(options);
        var status = catalog.Status("one");
        Assert.Equal((PluginState.LoadError, "KDP0118"), (status.State, status.Reason!.Code.Id));
        Assert.Empty(catalog.Plugins);
        Assert.Single(_root.Load().Plugins);
    }

    [Fact]
    public void Files_can_be_replaced_and_deleted_while_the_plugin_runs()
    {
        var library = PluginCompiler.Compile(
            "Late",
            "public static class Late { public static string V => \"late\"; }"
        );
        var image = PluginCompiler.Compile(
            "One",
            PluginCompiler.Loss("one", "public override string ToString() => Name(); static string Name() => Late.V;"),
            references: library
        );
        _root.Add("One", image).Write("One/Late.dll", library);
        var catalog = _root.Load();
        using (File.Create(_root.At("One/One.dll"))) { }
        Assert.Equal("late", Use(catalog, "one"));
        Directory.Delete(_root.At("One"), recursive: true);
        Assert.Equal("late", Use(catalog, "one"));
    }

    [Fact]
    public void A_deploy_by_renaming_is_seen_by_the_next_catalog_and_not_by_this()
    {
        _root.Add("One", Saying("one", "old"));
        var before = _root.Load();
        _root.Write(".new/One.dll", PluginCompiler.Compile("One", Saying("one", "new")));
        Directory.Move(_root.At("One"), _root.At(".old"));
        Directory.Move(_root.At(".new"), _root.At("One"));
        var after = _root.Load();
        Assert.Equal(("old", "new"), (Use(before, "one"), Use(after, "one")));
    }
}
