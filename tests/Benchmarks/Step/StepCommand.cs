using KdPlugins.Torch;
using TorchSharp;

namespace KdPlugins.Benchmarks.Step;

/// <summary>Alternates the contestants and prints medians, ranges and ratios.</summary>
internal static class StepCommand
{
    internal static int Run(StepOptions options)
    {
        torch.set_num_threads(options.Threads);
        var ours = options.Variants.Select(v => new OurContestant(Variant.Named(v))).ToArray();
        PythonContestant[] theirs = options.Python
            ? [new("float32", options.Threads), new("bf16", options.Threads)]
            : [];
        IContestant[] all = [.. ours, .. theirs];
        try
        {
            PrintMachine(options);
            var turns = all.ToDictionary(c => c, _ => new List<Turn>());
            foreach (var contestant in all)
                contestant.Run(1); // warm-up
            for (var round = 1; round <= options.Rounds; round++)
            {
                foreach (var contestant in all)
                    turns[contestant].Add(contestant.Run(options.Seconds));
                Console.Error.WriteLine($"round {round} of {options.Rounds}");
            }
            PrintTurns(turns);
            PrintRatios(turns, theirs);
            if (options.Profile)
                foreach (var contestant in ours)
                    PrintParts(contestant);
            PrintManaged(turns, ours);
            return 0;
        }
        finally
        {
            foreach (var contestant in all)
                contestant.Dispose();
        }
    }

    private static void PrintMachine(StepOptions options)
    {
        var cpu = File.ReadLines("/proc/cpuinfo")
            .FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal));
        var load = File.ReadAllText("/proc/loadavg").Split(' ')[0];
        Console.WriteLine(
            $"{cpu?.Split(": ")[1]}, {Environment.ProcessorCount} cores, bf16 in hardware: "
                + $"{(Autocast.IsNativeOnCpu ? "yes" : "no")}, load {load}; {options.Threads} threads, "
                + $"{options.Rounds} rounds of {options.Seconds} s, libtorch {torch.__version__}"
        );
    }

    private static void PrintTurns(Dictionary<IContestant, List<Turn>> turns)
    {
        Console.WriteLine(
            $"{"", -28} {"images/s median (range)", -28} {"CPU ms/step", 12} {"faults/step", 12} {"loss", 8}"
        );
        foreach (var (contestant, list) in turns)
        {
            var speed = list.Select(t => t.ImagesPerSecond).ToArray();
            Console.WriteLine(
                $"{contestant.Name, -28} {$"{Statistics.Median(speed):f0} ({speed.Min():f0}-{speed.Max():f0})", -28} "
                    + $"{Statistics.Median(list.Select(t => t.CpuMilliseconds)), 12:f1} "
                    + $"{Statistics.Median(list.Select(t => t.Faults)), 12:f0} {list[^1].Loss, 8:f3}"
            );
        }
    }

    private static void PrintRatios(Dictionary<IContestant, List<Turn>> turns, PythonContestant[] theirs)
    {
        double Speed(IContestant c) => Statistics.Median(turns[c].Select(t => t.ImagesPerSecond));
        foreach (var their in theirs)
        foreach (var our in turns.Keys.OfType<OurContestant>())
            Console.WriteLine($"{our.Name} / {their.Name}: {Speed(our) / Speed(their):f2}");
    }

    private static void PrintParts(OurContestant contestant)
    {
        var parts = contestant.Parts.Select(p => $"{p.Key} {p.Value / contestant.Steps:f1}");
        Console.WriteLine($"{contestant.Name}, ms per step: {string.Join(", ", parts)}");
    }

    // An operator on one element costs its managed part, the crossing and libtorch's dispatch: calls times that is
    // more than managed code can have taken.
    private static void PrintManaged(Dictionary<IContestant, List<Turn>> turns, OurContestant[] ours)
    {
        var operatorCost = SmallestOperator.Microseconds();
        foreach (var contestant in ours)
        {
            var calls = contestant.CallsPerStep();
            var step =
                1e6 * DistillationStep.Batch / Statistics.Median(turns[contestant].Select(t => t.ImagesPerSecond));
            Console.WriteLine(
                $"{contestant.Name}: about {calls} operator calls of {operatorCost:f2} us on one element: at most "
                    + $"{100 * calls * operatorCost / step:f2} % of the step is managed code"
            );
        }
    }
}
