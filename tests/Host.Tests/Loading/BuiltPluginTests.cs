using System.Collections.Concurrent;
using System.Diagnostics.Tracing;
using KdPlugins.Core;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Host.Loading.Inspection;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>Plugins in C# and F#, as their authors' projects build them.</summary>
public sealed class BuiltPluginTests : IDisposable
{
    private readonly PluginRoot _root = new PluginRoot().AddFixture("CsharpPlugin").AddFixture("FsharpPlugin");

    public void Dispose() => _root.Dispose();

    [Fact]
    public void Every_plugin_is_found_with_what_its_attribute_says()
    {
        var catalog = _root.Load();
        Assert.All(catalog.Folders, f => Assert.Empty(f.Findings));
        Assert.Equal(["same", "hashed", "union"], catalog.Plugins.Select(p => p.Id));
        var hashed = catalog.Plugins[1];
        Assert.Equal(
            (PluginKind.Loss, "1.2.0", "A hash as a loss.", "none", "CsharpPlugin", "HashedOptions"),
            (hashed.Kind, hashed.Version, hashed.Description, hashed.Paper, hashed.Assembly, hashed.OptionsType.Name)
        );
        var file = File.ReadAllBytes(_root.At("CsharpPlugin/CsharpPlugin.dll"));
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(file)), hashed.Sha256);
    }

    [Fact]
    public void A_plugin_computes_with_the_hosts_tensors_and_its_own_library()
    {
        using var instance = _root.Load().Create(PluginKind.Loss, "hashed");
        var loss = Assert.IsAssignableFrom<IDistillationLoss>(instance.Plugin);
        loss.Configure(Activator.CreateInstance(loss.OptionsType)!);
        using var value = loss.Compute(null!);
        var expected = System.IO.Hashing.XxHash32.HashToUInt32("kd"u8);
        Assert.Equal(expected, value.item<double>());
    }

    [Fact]
    public void An_fsharp_plugin_shares_the_hosts_FSharp_Core()
    {
        using var instance = _root.Load().Create(PluginKind.Loss, "union");
        var loss = (IDistillationLoss)instance.Plugin;
        loss.Configure(Activator.CreateInstance(loss.OptionsType)!);
        Assert.Equal("Some \"l1\" of student", Assert.Single(loss.Taps("student", null!)));
        using var value = loss.Compute(null!);
        Assert.Equal(2, value.item<double>());
    }

    [Fact]
    public void Explain_names_tier_path_context_and_every_rejected_probe()
    {
        var catalog = _root.Load();
        var explanation = catalog.Explain("hashed");
        AssemblyResolution Of(string name) => explanation.Assemblies.First(a => a.Name == name);
        Assert.Equal(
            (Tier.Contract, "Default", true),
            (Of("TorchSharp").Tier, Of("TorchSharp").Context, Of("TorchSharp").IsLoaded)
        );
        Assert.Equal(Tier.Contract, Of("KdPlugins.Sdk").Tier);
        Assert.Equal(Tier.Framework, Of("System.Runtime").Tier);
        var hashing = Of("System.IO.Hashing");
        Assert.Equal(
            (Tier.Private, "CsharpPlugin", _root.At("CsharpPlugin/System.IO.Hashing.dll"), false),
            (hashing.Tier, hashing.Context, hashing.Path, hashing.IsLoaded)
        );
        // The tests' own copy is on the host's side, and must not be taken.
        Assert.Contains("the host's own dependency", Assert.Single(hashing.Rejected));
        Assert.Contains("loss 'hashed' 1.2.0 in 'CsharpPlugin': Active", explanation.ToString());
        Assert.Contains("System.IO.Hashing", explanation.ToString());
    }

    [Fact]
    public void Every_resolution_is_an_event()
    {
        using var listener = new Listener();
        _root.Load().Create(PluginKind.Loss, "hashed").Dispose();
        Assert.Contains(("CsharpPlugin", "KdPlugins.Sdk", "Contract"), listener.Seen);
        Assert.Contains(("CsharpPlugin", "System.Runtime", "Framework"), listener.Seen);
    }

    private sealed class Listener : EventListener
    {
        internal ConcurrentBag<(string Plugin, string Assembly, string Tier)> Seen { get; } = [];

        protected override void OnEventSourceCreated(EventSource eventSource)
        {
            if (eventSource.Name == "KdPlugins-Loading")
                EnableEvents(eventSource, EventLevel.Informational);
        }

        protected override void OnEventWritten(EventWrittenEventArgs eventData)
        {
            // Sent while the base constructor still runs, where the list is not yet there.
            if (eventData.Payload is [string plugin, string assembly, string tier, _])
                Seen?.Add((plugin, assembly.Split(',')[0], tier));
        }
    }

    [Fact]
    public void Both_unload()
    {
        var results = Use(_root.Load());
        Assert.All(results, r => Assert.True(r.IsUnloaded, r.ToString()));
        Assert.Matches(@"^plugin 'CsharpPlugin' unloaded in \d+ ms\.$", results[0].ToString());
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static IReadOnlyList<UnloadResult> Use(FolderPluginCatalog catalog)
    {
        Compute(catalog, "hashed");
        Compute(catalog, "union");
        return catalog.Unload();
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static void Compute(FolderPluginCatalog catalog, string id)
    {
        using var instance = catalog.Create(PluginKind.Loss, id);
        var loss = (IDistillationLoss)instance.Plugin;
        // Binding and its checks are what pins a context most easily: serializers and validators cache by type.
        var json = id == "hashed" ? "{\"text\":\"x\"}" : "{\"power\":3}";
        loss.Configure(OptionsBinder.Bind(loss.OptionsType, json, "the test"));
        Assert.Throws<RecipeException>(() => OptionsBinder.Bind(loss.OptionsType, "{\"tezt\":null}", "the test"));
        loss.Compute(null!).Dispose();
        if (id == "union")
            Assert.NotEmpty(loss.Taps("teacher", null!));
    }
}
