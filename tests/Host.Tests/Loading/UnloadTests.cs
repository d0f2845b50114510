using System.Runtime.CompilerServices;
using KdPlugins.Core;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Folders;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>What is unloaded is gone, and what is not gone is said, with who may hold it.</summary>
[Collection(AloneTests.Name)]
public sealed class UnloadTests : IDisposable
{
    private readonly PluginRoot _root = new();

    public void Dispose() => _root.Dispose();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private UnloadResult LoadAndUnload(string source, LoaderOptions? options = null)
    {
        _root.Add("One", source);
        var catalog = _root.Load(options);
        CreateAll(catalog);
        return Assert.Single(catalog.Unload());
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void CreateAll(FolderPluginCatalog catalog)
    {
        foreach (var plugin in catalog.Plugins)
            catalog.Create(plugin.Kind, plugin.Id).Dispose();
    }

    [Fact]
    public void A_plugin_that_was_used_is_gone()
    {
        var result = LoadAndUnload(
            PluginCompiler.Loss(
                "one",
                "static readonly List<int> Kept = []; [ThreadStatic] static object? t; public MyLoss() { Kept.Add(1); t = new(); }"
            )
        );
        Assert.True(result.IsUnloaded, result.ToString());
        Assert.InRange(result.Rounds, 0, 10);
        Assert.Equal(0, result.LiveContexts);
        Assert.Null(result.Finding);
    }

    [Fact]
    public void A_thread_that_goes_on_is_a_leak_with_its_likely_cause()
    {
        using var stop = new ManualResetEventSlim();
        AppContext.SetData("kd.test.stop", stop);
        var result = LoadAndUnload(
            PluginCompiler.Loss(
                "one",
                """
                public MyLoss() {
                    var stop = (ManualResetEventSlim)AppContext.GetData("kd.test.stop")!;
                    new Thread(() => stop.Wait()) { IsBackground = true }.Start();
                }
                """
            )
        );
        stop.Set();
        Assert.False(result.IsUnloaded);
        Assert.Equal(1, result.LiveContexts);
        Assert.Contains("One.dll uses System.Threading.Thread.Start", result.LikelyHolders);
        Assert.StartsWith("KDP0120 plugin 'One' leaked; likely held by: One.dll uses", result.Finding!.ToString());
    }

    [Fact]
    public void A_subscription_to_an_event_of_the_host_is_a_leak_with_the_event()
    {
        var result = LoadAndUnload(
            PluginCompiler.Loss(
                "one",
                "public MyLoss() { AppDomain.CurrentDomain.DomainUnload += OnUnload; } static void OnUnload(object? s, EventArgs e) { }"
            )
        );
        Assert.False(result.IsUnloaded);
        Assert.Contains("One.dll uses the event System.AppDomain.DomainUnload", result.LikelyHolders);
    }

    [Fact]
    public void An_instance_that_is_kept_is_a_leak_with_its_id()
    {
        _root.Add("One", PluginCompiler.Loss("one"));
        var catalog = _root.Load();
        var kept = Keep(catalog);
        var result = Assert.Single(catalog.Unload());
        Assert.Equal(
            "plugin 'One' leaked; likely held by: 1 instance(s) of 'one' that were not disposed.",
            result.ToString()
        );
        GC.KeepAlive(kept);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static IPluginInstance Keep(FolderPluginCatalog catalog) => catalog.Create(PluginKind.Loss, "one");

    [Fact]
    public void A_plugin_whose_constructor_threw_is_gone_without_being_asked()
    {
        _root.Add("One", PluginCompiler.Loss("one", "class Own : Exception; public MyLoss() { throw new Own(); }"));
        var catalog = _root.Load();
        Assert.Contains("Own: ", catalog.Status("one").Reason!.Detail);
        Assert.Empty(catalog.Unload());
        Assert.False(HasContext("One"));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool HasContext(string name)
    {
        for (var i = 0; i < 10 && Alive(name); i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        return Alive(name);
    }

    // Other tests' contexts are in the process too; this one's assembly has a type of its own.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool Alive(string name) =>
        System.Runtime.Loader.AssemblyLoadContext.All.Any(c =>
            c.Name == name && c.Assemblies.Any(a => a.GetType("MyLoss+Own") is not null)
        );

    [Fact]
    public void Two_hundred_rounds_leave_memory_flat()
    {
        _root.Add("Rounds", PluginCompiler.Loss("one"));
        for (var i = 0; i < 20; i++)
            Round();
        var heap = Collected(out var before);
        for (var i = 0; i < 200; i++)
            Round();
        var grown = Collected(out var after) - heap;
        // A context that stays costs some 100 kB on the managed heap alone.
        Assert.True(grown < 2_000_000, $"{grown} bytes more");
        Assert.True(after <= before + 2, $"{after} contexts, {before} before");
    }

    // The proof after every round would be two hundred times ten full collections of what the compiler left on the heap.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Round()
    {
        using var catalog = FolderPluginCatalog.Load(_root.Path);
        CreateAll(catalog);
    }

    private static long Collected(out int contexts)
    {
        for (var i = 0; i < 10; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        contexts = Contexts();
        return GC.GetTotalMemory(forceFullCollection: true);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Contexts() => System.Runtime.Loader.AssemblyLoadContext.All.Count(c => c.Name == "Rounds");
}
