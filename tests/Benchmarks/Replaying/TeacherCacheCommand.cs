using KdPlugins.Benchmarks.Step;

namespace KdPlugins.Benchmarks.Replaying;

/// <summary>A step that asks the teacher, one that asks it and stores the answers, and one that finds them, taking turns.</summary>
internal static class TeacherCacheCommand
{
    // More than an epoch.
    private const int Filling = 110;

    internal static int Run(StepOptions options)
    {
        var root = Directory.CreateTempSubdirectory("kd-answers-").FullName;
        try
        {
            using var without = new HeldProcess("", options.Threads);
            using var cold = new HeldProcess(Cache(root, "cold", views: 1_000_000), options.Threads);
            using var warm = new HeldProcess(Cache(root, "warm", views: 1), options.Threads);
            without.Steps(5);
            cold.Steps(5);
            warm.Steps(Filling);
            HeldProcess[] all = [without, cold, warm];
            var rounds = new List<(double Clock, double Processor)[]>();
            for (var round = 0; round < options.Rounds; round++)
            {
                var times = new (double Clock, double Processor)[all.Length];
                // Who is first changes with every round.
                for (var i = 0; i < all.Length; i++)
                {
                    var who = (round + i) % all.Length;
                    times[who] = all[who].Seconds(options.Seconds);
                }
                rounds.Add(times);
                Console.Error.WriteLine($"round {rounds.Count} of {options.Rounds}");
            }
            Print(options, rounds);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
        return 0;
    }

    private static string Cache(string root, string name, int views) =>
        $$"""
            "teacherCache": { "folder": "{{root}}/{{name}}", "views": {{views}}, "maxGigabytes": 1000000 }
            """;

    private static void Print(StepOptions options, List<(double Clock, double Processor)[]> rounds)
    {
        Console.WriteLine(
            $"{options.Threads} threads, {options.Rounds} rounds of {options.Seconds} s, "
                + $"load {File.ReadAllText("/proc/loadavg").Split(' ')[0]}"
        );
        Show("clock", t => t.Clock);
        Show("processor", t => t.Processor);

        void Show(string what, Func<(double Clock, double Processor), double> time)
        {
            string[] names = ["without", "cold", "warm"];
            for (var i = 0; i < names.Length; i++)
            {
                var ratios = rounds.Select(r => time(r[i]) / time(r[0])).ToArray();
                Console.WriteLine(
                    $"{what, -10} {names[i], -8} {Statistics.Median(rounds.Select(r => time(r[i]))):f1} ms a step; / without: "
                        + $"median of {ratios.Length} rounds {Statistics.Median(ratios):f3} ({ratios.Min():f3}-{ratios.Max():f3})"
                );
            }
        }
    }
}
