using KdPlugins.Benchmarks.Step;
using TorchSharp;

namespace KdPlugins.Benchmarks.Overhead;

/// <summary>What the engine costs: its step against the bare one, taking turns.</summary>
internal static class OverheadCommand
{
    internal static int Run(StepOptions options)
    {
        torch.set_num_threads(options.Threads);
        using var bare = new OurContestant(Variant.Named("float32"));
        var alternation = new Alternation(bare, options.Seconds, options.Rounds);
        EngineRun.Train(alternation);
        Print(options, [.. alternation.Rounds]);
        return 0;
    }

    private static void Print(StepOptions options, List<(Turn Bare, Turn Engine)> rounds)
    {
        Console.WriteLine(
            $"{options.Threads} threads, {options.Rounds} rounds of {options.Seconds} s, "
                + $"load {File.ReadAllText("/proc/loadavg").Split(' ')[0]}"
        );
        Show("clock", t => 1000 * DistillationStep.Batch / t.ImagesPerSecond);
        Show("processor", t => t.CpuMilliseconds);
        Console.WriteLine(
            $"page faults bare {Statistics.Median(rounds.Select(r => r.Bare.Faults)):f0}, engine "
                + $"{Statistics.Median(rounds.Select(r => r.Engine.Faults)):f0} a step"
        );

        void Show(string what, Func<Turn, double> time)
        {
            var ratios = rounds.Select(r => time(r.Engine) / time(r.Bare)).ToArray();
            Console.WriteLine(
                $"{what, -10} bare {Statistics.Median(rounds.Select(r => time(r.Bare))):f1} ms, engine "
                    + $"{Statistics.Median(rounds.Select(r => time(r.Engine))):f1} ms; engine / bare: median of "
                    + $"{ratios.Length} rounds {Statistics.Median(ratios):f3} ({ratios.Min():f3}-{ratios.Max():f3})"
            );
        }
    }
}
