using System.Diagnostics;
using KdPlugins.Host.Tests.Loading;
using Xunit.Abstractions;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>How long the host takes until a run could begin. A time means something on an idle machine only.</summary>
[Collection("commands")]
public sealed class StartupTests(ITestOutputHelper output)
{
    [SkippableFact]
    public async Task Twenty_plugins_are_ready_in_a_second_and_a_half()
    {
        Skip.If(Environment.GetEnvironmentVariable("KD_TESTS_FULL") != "1", "KD_TESTS_FULL=1 measures times.");
        using var twenty = new PluginRoot();
        for (var i = 0; i < 20; i++)
            twenty.Add($"Plugin{i}", PluginCompiler.Loss($"plugin-{i}"));
        using var none = new PluginRoot();
        // The list waits for every constructor, and these for libtorch: then a run could begin.
        var (full, empty) = (await Seconds(twenty.Path), await Seconds(none.Path));
        output.WriteLine($"20 plugins {full:0.000} s, none {empty:0.000} s, ratio {full / empty:0.00} (best of 5)");
        Assert.InRange(full, 0, 1.5);
    }

    private static async Task<double> Seconds(string plugins)
    {
        var best = double.MaxValue;
        for (var round = 0; round < 5; round++)
        {
            var clock = Stopwatch.StartNew();
            using var process = Kd.Start("plugins", "list", "--plugins", plugins);
            await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            Assert.Equal(0, process.ExitCode);
            best = Math.Min(best, clock.Elapsed.TotalSeconds);
        }
        return best;
    }
}
