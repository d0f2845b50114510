using KdPlugins.Host.Loading;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>Native libraries that a plugin asks for, and that may not be there.</summary>
public sealed class NativeLibraryTests : IDisposable
{
    private static readonly string System =
        OperatingSystem.IsWindows() ? "win-x64"
        : OperatingSystem.IsMacOS() ? "osx-x64"
        : "linux-x64";
    private readonly PluginRoot _root = new();

    public void Dispose() => _root.Dispose();

    private static string Importing(string library) =>
        PluginCompiler.Loss(
            "one",
            $"[System.Runtime.InteropServices.DllImport(\"{library}\")] static extern int Call(); int Use() => Call();"
        );

    private IReadOnlyList<Finding> Findings() => _root.Load().Folders.Single().Findings;

    [Fact]
    public void One_that_is_nowhere_is_warned_of_by_name_because_the_plugin_may_do_without_it()
    {
        var finding = Assert.Single(
            _root.Add("One", Importing("no-such-accelerator")).Load().Folders.Single().Findings
        );
        Assert.Equal((Severity.Warning, HostErrors.NativeMissing), (finding.Severity, finding.Code));
        Assert.Contains(
            "One.dll of plugin 'One' imports from 'no-such-accelerator': no such library is in",
            finding.Detail
        );
        Assert.Single(_root.Load().Plugins);
    }

    [Theory]
    [InlineData("libc")]
    [InlineData("libc.so.6")]
    [InlineData("kernel32.dll")]
    [InlineData("LibTorchSharp")]
    [InlineData("libSystem.Native")]
    public void What_the_system_another_system_or_the_host_has_is_nothing_to_speak_of(string library) =>
        Assert.Empty(_root.Add("One", Importing(library)).Load().Folders.Single().Findings);

    [Theory]
    [InlineData("One/libmine.so")]
    [InlineData("One/runtimes/linux-x64/native/libmine.so")]
    public void What_the_folder_has_is_nothing_to_speak_of(string path) =>
        Assert.Empty(_root.Add("One", Importing("mine")).Write(path, "").Load().Folders.Single().Findings);

    private PluginRoot Listing(string assets) =>
        _root
            .Add("One", PluginCompiler.Loss("one"))
            .Write(
                "One/One.deps.json",
                $$$"""
                {
                  "runtimeTarget": { "name": ".NETCoreApp,Version=v10.0", "signature": "" },
                  "targets": { ".NETCoreApp,Version=v10.0": { "Fast/1.0.0": {{{assets}}} } },
                  "libraries": { "Fast/1.0.0": { "type": "package", "serviceable": true, "sha512": "" } }
                }
                """
            );

    [Fact]
    public void What_the_build_lists_for_this_system_belongs_to_the_plugin()
    {
        var path = $"runtimes/{System}/native/libfast.so";
        var assets = $$$"""{"runtimeTargets":{"{{{path}}}":{"rid":"{{{System}}}","assetType":"native"} } }""";
        var message = Listing(assets).Refusal("One");
        Assert.StartsWith(
            $"KDP0126 One.deps.json of plugin 'One' lists {path}, which is not in {_root.At("One")}.",
            message
        );
        Assert.Empty(_root.Write($"One/{path}", "").Load().Folders.Single().Findings);
    }

    [Fact]
    public void What_the_build_put_beside_the_assembly_is_missed_too() =>
        Assert.StartsWith("KDP0126", Listing("""{"native":{"libfast.so":{"fileVersion":"0.0.0.0"}}}""").Refusal("One"));

    [Theory]
    [InlineData(
        """{"runtimeTargets":{"runtimes/plan9-x64/native/libfast.so":{"rid":"plan9-x64","assetType":"native"}}}"""
    )]
    [InlineData(
        """{"runtimeTargets":{"runtimes/plan9-x64/lib/net10.0/Fast.dll":{"rid":"any","assetType":"runtime"}}}"""
    )]
    [InlineData("""{"native":{"libtorch.so":{}}}""")]
    public void Other_systems_files_and_libtorch_are_not_missed(string assets)
    {
        Listing(assets);
        Assert.Empty(Findings());
    }
}
