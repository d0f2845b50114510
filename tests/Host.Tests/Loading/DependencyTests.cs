using KdPlugins.Core;
using KdPlugins.Host.Loading.Inspection;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>Assemblies that plugins bring, or fail to bring.</summary>
public sealed class DependencyTests : IDisposable
{
    private readonly PluginRoot _root = new();

    public void Dispose() => _root.Dispose();

    private static byte[] Library(string version) =>
        PluginCompiler.Compile(
            "Shared",
            $"public static class Shared {{ public static string V => \"{version}\"; }}",
            version
        );

    private static byte[] User(string name, byte[] library) =>
        PluginCompiler.Compile(
            name,
            PluginCompiler.Loss(name.ToLowerInvariant(), "public override string ToString() => Shared.V;"),
            references: library
        );

    [Fact]
    public void Two_plugins_use_two_versions_of_one_library_side_by_side()
    {
        foreach (var (name, version) in (ReadOnlySpan<(string, string)>)[("One", "1.0.0.0"), ("Two", "2.0.0.0")])
            _root.Add(name, User(name, Library(version))).Write($"{name}/Shared.dll", Library(version));
        var catalog = _root.Load();
        using var one = catalog.Create(PluginKind.Loss, "one");
        using var two = catalog.Create(PluginKind.Loss, "two");
        Assert.Equal(("1.0.0.0", "2.0.0.0"), (one.Plugin.ToString(), two.Plugin.ToString()));
        var resolution = catalog.Explain("two").Assemblies.Single(a => a.Name == "Shared");
        Assert.Equal((Tier.Folder, "Two", true), (resolution.Tier, resolution.Context, resolution.IsLoaded));
    }

    [Fact]
    public void A_missing_library_is_named_with_who_needs_it()
    {
        var message = _root.Add("One", User("One", Library("1.0.0.0"))).Refusal("One");
        Assert.StartsWith(
            $"KDP0106 One.dll of plugin 'One' needs Shared 1.0.0.0, which is neither in {_root.At("One")} nor among",
            message
        );
        Assert.Contains("Add <PackageReference Include=\"Shared\" /> to the plugin's project", message);
        Assert.Contains("<EnableDynamicLoading>true</EnableDynamicLoading>", message);
        var resolution = _root.Load().Explain("one").Assemblies.Single(a => a.Name == "Shared");
        Assert.Equal((Tier.Missing, null), (resolution.Tier, resolution.Path));
        Assert.Equal(3, resolution.Rejected.Count);
        Assert.Equal($"{_root.At("One/Shared.dll")}: does not exist", resolution.Rejected[^1]);
    }

    [Fact]
    public void A_library_that_is_damaged_is_named_with_what_is_wrong()
    {
        _root.Add("One", User("One", Library("1.0.0.0"))).Write("One/Shared.dll", "");
        Assert.Contains("needs Shared, but Shared.dll is empty (0 bytes)", _root.Refusal("One"));
    }

    [Fact]
    public void The_hosts_own_libraries_are_no_plugins_to_use()
    {
        var image = PluginCompiler.Compile(
            "One",
            PluginCompiler.Loss(
                "one",
                "public override string ToString() => typeof(KdPlugins.Host.Loading.Finding).Name;"
            )
        );
        Assert.Contains("needs kd ", _root.Add("One", image).Refusal("One"));
    }

    [Theory]
    [InlineData("../../evil.dll")]
    [InlineData("/tmp/evil.dll")]
    public void An_asset_of_deps_json_outside_the_folder_is_refused(string asset)
    {
        _root.Add("One", PluginCompiler.Loss("one"));
        var json = $$"""{"targets":{".NETCoreApp,Version=v10.0":{"Evil/1.0.0":{"runtime":{"{{asset}}":{} } } } } }""";
        Assert.StartsWith("KDP0110", _root.Write("One/One.deps.json", json).Refusal("One"));
    }

    [Fact]
    public void A_deps_json_that_is_no_json_is_refused() =>
        Assert.StartsWith(
            "KDP0109",
            _root.Add("One", PluginCompiler.Loss("one")).Write("One/One.deps.json", "{").Refusal("One")
        );

    /// <summary>The runtime's reader of such a file ends the process.</summary>
    [Theory]
    [InlineData("{}", "it has no 'runtimeTarget' with a 'name'")]
    [InlineData("""{"runtimeTarget":{"name":"T"}}""", "it has no 'T' under 'targets'")]
    [InlineData("""{"runtimeTarget":{"name":"T"},"targets":{"T":{}}}""", "it has no 'libraries'")]
    [InlineData("""{"runtimeTarget":"T","targets":{"T":{}},"libraries":{"A/1":{"type":"package"}}}""", "lacks one of")]
    [InlineData(
        """{"runtimeTarget":"T","targets":{"T":{"A/1":{"runtimeTargets":{"a.so":{"rid":"any"}}}}},"libraries":{}}""",
        "the asset 'a.so'"
    )]
    [InlineData(
        """{"runtimeTarget":"T","targets":{"T":{"A/1":{"dependencies":[]}}},"libraries":{}}""",
        "'dependencies' of 'A/1'"
    )]
    public void A_deps_json_that_lacks_what_the_runtime_takes_for_granted_is_refused(string json, string lack)
    {
        var message = _root.Add("One", PluginCompiler.Loss("one")).Write("One/One.deps.json", json).Refusal("One");
        Assert.StartsWith("KDP0109", message);
        Assert.Contains(lack, message);
        Assert.NotEmpty(_root.Load().Explain("one").Assemblies);
    }

    [Fact]
    public void Satellite_assemblies_are_found_by_culture()
    {
        _root.Add(
            "One",
            PluginCompiler.Loss(
                "one",
                """
                public override string ToString() => typeof(MyLoss).Assembly
                    .GetSatelliteAssembly(new System.Globalization.CultureInfo("de")).GetName().Name!;
                """
            )
        );
        var satellite = PluginCompiler.Compile(
            "One.resources",
            "[assembly: System.Reflection.AssemblyCulture(\"de\")]"
        );
        using var instance = _root.Write("One/de/One.resources.dll", satellite).Load().Create(PluginKind.Loss, "one");
        Assert.Equal("One.resources", instance.Plugin.ToString());
    }

    [Fact]
    public void A_native_library_is_found_by_its_bare_name()
    {
        var file = Directory
            .EnumerateFiles(
                Path.GetDirectoryName(typeof(object).Assembly.Location)!,
                "libSystem.IO.Compression.Native.so"
            )
            .Single();
        _root.Add(
            "One",
            PluginCompiler.Loss(
                "one",
                """
                [System.Runtime.InteropServices.DllImport("private", EntryPoint = "CompressionNative_Crc32")]
                static extern uint Crc(uint crc, byte[] data, int length);
                public override string ToString() => Crc(0, [1, 2, 3], 3).ToString();
                """
            )
        );
        _root.Write("One/libprivate.so", File.ReadAllBytes(file));
        using var instance = _root.Load().Create(PluginKind.Loss, "one");
        Assert.Equal(System.IO.Hashing.Crc32.HashToUInt32([1, 2, 3]).ToString(), instance.Plugin.ToString());
    }
}
