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
        using var engine = new EngineContestant();
        bare.Run(1); // warm-up
        engine.Run(1);
        List<(Turn Bare, Turn Engine)> rounds = [];
        for (var round = 1; round <= options.Rounds; round++)
        {
            // Who goes first changes, so that a drift of the machine meets both.
            var first = round % 2 == 0 ? engine.Run(options.Seconds) : bare.Run(options.Seconds);
            var second = round % 2 == 0 ? bare.Run(options.Seconds) : engine.Run(options.Seconds);
            rounds.Add(round % 2 == 0 ? (second, first) : (first, second));
            Console.Error.WriteLine($"round {round} of {options.Rounds}");
        }
        Print(options, rounds);
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
