using KdPlugins.Core;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Host.Loading.Inspection;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>Contracts older, equal and newer than the host's.</summary>
public sealed class ContractVersionTests : IDisposable
{
    private static readonly byte[] Plugin = PluginCompiler.Compile(
        "MosaicKd",
        PluginCompiler.Loss("mosaic", "[ImportingConstructor] public MyLoss() { }")
    );
    private readonly PluginRoot _root = new();

    public void Dispose() => _root.Dispose();

    [Theory]
    [InlineData("KdPlugins.Sdk", "1.3.0", "1.3.0", null)]
    [InlineData("KdPlugins.Sdk", "1.2.7", "1.3.0", null)]
    [InlineData("KdPlugins.Sdk", "1.3.2", "1.3.0", Severity.Warning)]
    [InlineData("KdPlugins.Sdk", "1.4.0", "1.3.0", Severity.Error)]
    [InlineData("KdPlugins.Sdk", "2.0.0", "1.3.0", Severity.Error)]
    [InlineData("KdPlugins.Sdk", "1.9.0", "2.0.0", Severity.Error)]
    [InlineData("KdPlugins.Core", "0.1.0", "0.2.0", Severity.Warning)]
    [InlineData("FSharp.Core", "6.0.0.0", "10.1.0.0", null)]
    [InlineData("FSharp.Core", "10.2.0.0", "10.1.0.0", Severity.Error)]
    [InlineData("TorchSharp", "0.106.0.0", "0.107.0.0", Severity.Warning)]
    [InlineData("TorchSharp", "0.108.0.0", "0.107.0.0", Severity.Error)]
    public void The_rule_for_one_reference(string name, string wanted, string provided, Severity? expected) =>
        Assert.Equal(expected, ContractCheck.Check("X", name, new(wanted), new(provided))?.Severity);

    [Fact]
    public void The_message_names_plugin_contract_both_versions_and_cure() =>
        Assert.Equal(
            "KDP0104 plugin 'MosaicKd' was built against KdPlugins.Sdk 1.4, this host provides 1.3. "
                + "Update the host, or rebuild the plugin against KdPlugins.Sdk 1.3.",
            ContractCheck.Check("MosaicKd", "KdPlugins.Sdk", new(1, 4, 0), new(1, 3, 0))!.ToString()
        );

    [Theory]
    [InlineData("KdPlugins.Sdk", 0, 9)]
    [InlineData("KdPlugins.Core", 7, 0)]
    [InlineData("TorchSharp", 1, 0)]
    [InlineData("System.Composition.AttributedModel", 99, 0)]
    public void A_plugin_built_against_a_newer_contract_is_refused_before_anything_loads(
        string name,
        int major,
        int minor
    )
    {
        _root.Add("MosaicKd", PluginCompiler.WithReference(Plugin, name, new(major, minor, 0, 0)));
        var message = _root.Refusal("MosaicKd");
        Assert.StartsWith(
            $"KDP0104 plugin 'MosaicKd' was built against {name} {major}.{minor}, this host provides ",
            message
        );
        Assert.Equal(PluginState.Refused, _root.Load().Status("mosaic").State);
    }

    [Theory]
    [InlineData(1, 9)] // a newer patch: the runtime itself would refuse it, and a private copy would split the types
    [InlineData(0, 0)] // an older one
    public void A_plugin_built_against_another_patch_shares_the_hosts_types(int minor, int patch)
    {
        _root.Add("MosaicKd", PluginCompiler.WithReference(Plugin, "KdPlugins.Sdk", new(0, minor, patch, 0)));
        _root.Write("MosaicKd/KdPlugins.Sdk.dll", File.ReadAllBytes(typeof(Sdk.NoOptions).Assembly.Location));
        using var instance = _root.Load().Create(PluginKind.Loss, "mosaic");
        Assert.IsAssignableFrom<Sdk.DistillationLoss<Sdk.NoOptions>>(instance.Plugin);
    }

    [Fact]
    public void Shipped_contracts_are_a_warning_and_never_used()
    {
        _root.Add("MosaicKd", Plugin);
        foreach (
            var shipped in (Type[])
                [typeof(Sdk.NoOptions), typeof(IPlugin), typeof(TorchSharp.torch), typeof(Microsoft.FSharp.Core.Unit)]
        )
            _root.Write(
                $"MosaicKd/{Path.GetFileName(shipped.Assembly.Location)}",
                File.ReadAllBytes(shipped.Assembly.Location)
            );
        var catalog = _root.Load();
        var finding = Assert.Single(catalog.Folders[0].Findings);
        Assert.Equal(
            "KDP0107 plugin 'MosaicKd' ships FSharp.Core, KdPlugins.Core, KdPlugins.Sdk, TorchSharp; the host's own are used.",
            finding.ToString().Split(" Reference")[0]
        );
        using var instance = catalog.Create(PluginKind.Loss, "mosaic");
        Assert.IsAssignableFrom<IDistillationLoss>(instance.Plugin);
        var torch = catalog.Explain("mosaic").Assemblies.First(a => a.Name == "TorchSharp");
        Assert.Equal(
            $"{_root.At("MosaicKd/TorchSharp.dll")}: the host's copy always wins",
            Assert.Single(torch.Rejected)
        );
    }

    [Theory]
    [InlineData("libtorch_cpu.so")]
    [InlineData("runtimes/linux-x64/native/libLibTorchSharp.so")]
    [InlineData("libc10.so")]
    public void Shipped_libtorch_is_refused(string file) =>
        Assert.StartsWith("KDP0108", _root.Add("MosaicKd", Plugin).Write($"MosaicKd/{file}", "x").Refusal("MosaicKd"));
}
