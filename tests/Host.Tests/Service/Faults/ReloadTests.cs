using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using KdPlugins.Core;
using KdPlugins.Host.Tests.Commands;
using KdPlugins.Host.Tests.Loading;

namespace KdPlugins.Host.Tests.Service;

/// <summary>Plugins that are replaced again and again while the service runs: each is unloaded, and nothing is left.</summary>
[Collection(AloneTests.Name)]
public sealed class ReloadTests : IDisposable
{
    // KD_TESTS_FULL=1 makes it as long as the product's promise.
    private static readonly int Rounds = Environment.GetEnvironmentVariable("KD_TESTS_FULL") == "1" ? 200 : 8;

    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    [Fact]
    public async Task Every_one_of_many_reloads_is_proven_unloaded_and_memory_stays_flat()
    {
        var plugins = _kd.CopyPlugins();
        var path = Path.Combine(plugins, "Again", "Again.dll");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        byte[] Version(int round) =>
            PluginCompiler.Compile("Again", PluginCompiler.Loss("again", $"const int Round = {round};"));
        File.WriteAllBytes(path, Version(0));
        await using var service = await LocalService.Start(_kd, o => o.QuietSeconds = 0.05);
        long heap = 0;
        for (var round = 1; round <= Rounds; round++)
        {
            var before = service.Plugins.CurrentName;
            File.WriteAllBytes(path, Version(round));
            await service.Until(() => service.Plugins.CurrentName != before);
            Assert.True(Knows(service), $"round {round}");
            if (round == Rounds / 4)
                heap = await Settled();
        }
        var grown = await Settled() - heap;
        await service.Until(() => Count(service.Log.Text, " is unloaded.") == Rounds);
        Assert.DoesNotContain("did not unload", service.Log.Text);
        Assert.Equal(1, Contexts());
        // A context that stays costs some 100 kB on the managed heap alone; the log of the test grows by some kB a round.
        Assert.True(grown < 3_000_000 + 10_000 * Rounds, $"{grown} bytes more after {Rounds} rounds");
        Assert.InRange(Directory.GetDirectories(Path.Combine(service.Data, "plugin-sets")).Length, 1, 2);
    }

    // Apart, so that nothing of the plugins stays on the stack.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool Knows(LocalService service) =>
        service.Plugins.Use(c => c.Plugins.Any(p => p.Kind == PluginKind.Loss && p.Id == "again"));

    private static async Task<long> Settled()
    {
        for (var i = 0; i < 5; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(20);
        }
        return GC.GetTotalMemory(forceFullCollection: true);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Contexts() => AssemblyLoadContext.All.Count(c => c.Name == "Again");

    private static int Count(string text, string word) => text.Split(word).Length - 1;
}
