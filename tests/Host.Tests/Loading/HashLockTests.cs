using KdPlugins.Core;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Torch;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>Hash-locked loading: nothing runs that was not approved as it is.</summary>
public sealed class HashLockTests : IDisposable
{
    private static readonly LoaderOptions Locked = new() { Trust = TrustLevel.Locked };
    private readonly PluginRoot _root = new PluginRoot().Add("One", PluginCompiler.Loss("one"));

    public void Dispose() => _root.Dispose();

    [Fact]
    public void A_folder_that_was_never_approved_is_refused()
    {
        Assert.StartsWith("KDP0111 plugin folder 'One' was never approved.", _root.Refusal("One", Locked));
        Assert.Equal(PluginState.Refused, _root.Load(Locked).Status("one").State);
    }

    [Fact]
    public void An_approved_folder_loads_until_a_file_changes()
    {
        _root.Write("One/settings.json", "{}").Write("One/data.bin", "1").Write("One/libnative.so.1", "1");
        FolderPluginCatalog.Approve(_root.Path, ["One"]);
        Assert.Single(_root.Load(Locked).Plugins);
        _root.Write("One/data.bin", "12");
        Assert.Single(_root.Load(Locked).Plugins);

        _root.Write("One/settings.json", "{ }").Write("One/New.dll", "x").Write("One/libnative.so.1", "2");
        Assert.Contains(
            "is not what was approved: New.dll is new, libnative.so.1 changed, settings.json changed.",
            _root.Refusal("One", Locked)
        );
        File.Delete(_root.At("One/settings.json"));
        Assert.Contains("New.dll is new, libnative.so.1 changed, settings.json is gone.", _root.Refusal("One", Locked));
        FolderPluginCatalog.Approve(_root.Path, ["One"]);
        Assert.Single(_root.Load(Locked).Plugins);
    }

    [Fact]
    public void Approving_one_folder_keeps_the_others()
    {
        _root.Add("Two", PluginCompiler.Loss("two"));
        FolderPluginCatalog.Approve(_root.Path, ["One"]);
        FolderPluginCatalog.Approve(_root.Path, ["Two"]);
        Assert.Equal(2, _root.Load(Locked).Plugins.Count);
        Assert.Throws<KdException>(() => FolderPluginCatalog.Approve(_root.Path, ["Three"]));
    }

    [Fact]
    public void A_lock_file_that_cannot_be_read_stops_the_loading()
    {
        _root.Write("plugins.lock.json", "{\"plugins\":3}");
        var error = Assert.Throws<KdException>(() => _root.Load(Locked));
        Assert.StartsWith($"KDP0111 {_root.At("plugins.lock.json")} cannot be read", error.Message);
    }
}
