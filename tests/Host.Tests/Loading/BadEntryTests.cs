using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.Versioning;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Files;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Host.Service.Plugins;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>
/// Entries that are no plain files: the plugin is refused with the entry named, nothing waits, and the others load. What the
/// service looks at, copies and hashes goes the same way.
/// </summary>
[UnsupportedOSPlatform("windows")]
public sealed class BadEntryTests : IDisposable
{
    private static readonly List<Socket> Sockets = [];
    private readonly PluginRoot _root = new PluginRoot().Add("Sound", PluginCompiler.Loss("sound"));

    public void Dispose() => _root.Dispose();

    /// <summary>Puts a bad entry below a folder of plugins; gives the plugin's name and the entry's.</summary>
    internal static (string Plugin, string Entry) Plant(string what, string root)
    {
        var one = Path.Combine(root, "One");
        Directory.CreateDirectory(one);
        File.WriteAllBytes(Path.Combine(one, "One.dll"), PluginCompiler.Compile("One", PluginCompiler.Loss("one")));
        string In(string name) => Path.Combine(one, name);
        switch (what)
        {
            case "dangling":
                File.CreateSymbolicLink(In("gone.so"), "nowhere.so");
                return ("One", "gone.so");
            case "loop":
                File.CreateSymbolicLink(In("loop"), "loop");
                return ("One", "loop");
            case "pipe as assembly":
                File.Delete(In("One.dll"));
                Pipe(In("One.dll"));
                return ("One", "One.dll");
            case "pipe as manifest":
                Pipe(In("plugin.json"));
                return ("One", "plugin.json");
            case "pipe as symbols":
                Pipe(In("One.pdb"));
                return ("One", "One.pdb");
            case "pipe deep down":
                Directory.CreateDirectory(In("a/b"));
                Pipe(In("a/b/pipe"));
                return ("One", "pipe");
            case "socket":
                // Disposing it would remove the entry.
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                socket.Bind(new UnixDomainSocketEndPoint(In("s")));
                Sockets.Add(socket);
                return ("One", "One/s");
            case "device":
                File.CreateSymbolicLink(In("zero.json"), "/dev/zero");
                return ("One", "zero.json");
            case "link to the root":
                Directory.CreateSymbolicLink(In("all"), "/");
                return ("One", "all");
            case "link to the parent":
                Directory.CreateSymbolicLink(In("up"), "..");
                return ("One", "up");
            case "folder that is a link to the root":
                Directory.CreateSymbolicLink(Path.Combine(root, "Root"), "/");
                return ("Root", "Root");
            case "folder that is a link to its parent":
                Directory.CreateSymbolicLink(Path.Combine(root, "Up"), ".");
                return ("Up", "Up");
            case "folder that is a dangling link":
                Directory.CreateSymbolicLink(Path.Combine(root, "Gone"), "/nowhere/at/all");
                return ("Gone", "Gone");
            case "pipe as package":
                Pipe(Path.Combine(root, "Two.kdplugin"));
                return ("Two.kdplugin", "Two.kdplugin");
            case "too deep":
                Directory.CreateDirectory(In(string.Join('/', Enumerable.Repeat("d", 40))));
                return ("One", "d/d/d");
            case "too large":
                using (var file = File.Create(In("data.bin")))
                    file.SetLength(2L << 30);
                return ("One", "One");
            default:
                throw new ArgumentOutOfRangeException(nameof(what), what, null);
        }
    }

    public static TheoryData<string> Everything =>
        [
            "dangling",
            "loop",
            "pipe as assembly",
            "pipe as manifest",
            "pipe as symbols",
            "pipe deep down",
            "socket",
            "device",
            "link to the root",
            "link to the parent",
            "folder that is a link to the root",
            "folder that is a link to its parent",
            "folder that is a dangling link",
            "pipe as package",
            "too deep",
            "too large",
        ];

    [Theory]
    [MemberData(nameof(Everything))]
    public async Task The_plugin_is_refused_with_the_entry_named_and_no_other(string what)
    {
        var (plugin, entry) = Plant(what, _root.Path);
        // Opening a pipe would never come to an end.
        var catalog = await Task.Run(() => _root.Load()).WaitAsync(TimeSpan.FromSeconds(20));
        var folder = catalog.Folders.Single(f => f.Name == plugin);
        Assert.Equal(PluginState.Refused, folder.State);
        var error = folder.Findings.First(f => f.Severity == Severity.Error);
        Assert.Contains(error.Code.Id, (string[])["KDP0110", "KDP0122", "KDP0127"]);
        Assert.Contains(entry, error.Detail);
        Assert.Equal(PluginState.Active, catalog.Status("sound").State);
    }

    [Theory]
    [MemberData(nameof(Everything))]
    public async Task The_service_looks_at_it_with_the_entry_named_and_without_waiting(string what)
    {
        var (plugin, entry) = Plant(what, _root.Path);
        var (signature, found) = await Task.Run(() =>
                (PluginScan.Signature(_root.Path), PluginScan.Folders(_root.Path))
            )
            .WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Contains(entry, found[plugin].Problem);
        Assert.Null(found["Sound"].Problem);
        Assert.Equal(signature, PluginScan.Signature(_root.Path));
        _root.Write("Sound/more.txt", "more");
        Assert.NotEqual(signature, PluginScan.Signature(_root.Path));
    }

    [SkippableFact]
    public void A_file_that_may_not_be_read_is_named_and_looked_at_again_when_it_may()
    {
        Skip.If(Environment.IsPrivilegedProcess, "Nothing is unreadable to this user.");
        _root.Add("One", PluginCompiler.Loss("one")).Write("One/data.bin", "x");
        File.SetUnixFileMode(_root.At("One/data.bin"), UnixFileMode.None);
        var before = PluginScan.Signature(_root.Path);
        Assert.Contains("data.bin", PluginScan.Folders(_root.Path)["One"].Problem);
        File.SetUnixFileMode(_root.At("One/data.bin"), UnixFileMode.UserRead);
        Assert.NotEqual(before, PluginScan.Signature(_root.Path));
        Assert.Null(PluginScan.Folders(_root.Path)["One"].Problem);
    }

    [Fact]
    public void Of_the_whole_disk_no_more_is_listed_than_a_plugin_may_have()
    {
        var options = new LoaderOptions { MaxFiles = 50 };
        var walk = FolderWalk.Of("/usr", options);
        Assert.InRange(walk.Entries.Count, 0, 50);
        Assert.Equal("KDP0122", Assert.Single(walk.Refusals).Code.Id);
        using var stopped = new CancellationTokenSource();
        stopped.Cancel();
        Assert.Throws<OperationCanceledException>(() => FolderWalk.Of("/usr", options, stopped.Token));
    }

    [Fact]
    public void A_package_that_is_a_link_to_one_is_a_package()
    {
        _root.Write(".store/one.kdplugin", Packages.Make([("One.dll", Packages.Loss)]));
        File.CreateSymbolicLink(_root.At("one.kdplugin"), ".store/one.kdplugin");
        using var store = new PluginRoot();
        Assert.Equal(PluginState.Active, _root.Load(new() { PackageFolder = store.Path }).Status("one").State);
        Assert.Null(PluginScan.Folders(_root.Path)["one.kdplugin"].Problem);
    }

    private static void Pipe(string path)
    {
        using var make = Process.Start("mkfifo", [path]);
        make.WaitForExit();
        Assert.Equal(0, make.ExitCode);
    }
}
