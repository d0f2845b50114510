using KdPlugins.Benchmarks.Step;
using KdPlugins.Core;
using KdPlugins.Host.Loading.Folders;
using TorchSharp;

namespace KdPlugins.Benchmarks.Recipes;

/// <summary>
/// Compares what a step of several recipes costs, taking turns. Phases of preparation and the baseline are left out: what
/// counts is the method, and a teacher costs the same trained or not.
/// </summary>
internal static class RecipesCommand
{
    private const long NoLimit = 1_000_000;

    internal static int Run(RecipesOptions options)
    {
        torch.set_num_threads(options.Threads);
        using var catalog = FolderPluginCatalog.Load(options.Plugins);
        var overrides = new RecipeOverrides(
            ["prepare=[]", "baseline=false", .. options.Settings],
            new Dictionary<string, string>()
        );
        var recipes = options.Files.Select(f => RecipeReader.ReadFile(f, overrides, catalog)).ToArray();
        var rounds = recipes.Select(_ => new List<IReadOnlyList<PreflightStage>>()).ToArray();
        Try(recipes[0], catalog, options with { Seconds = 0.5 }); // warm-up
        for (var round = 1; round <= options.Rounds; round++)
        {
            for (var i = 0; i < recipes.Length; i++)
                rounds[i].Add(Try(recipes[i], catalog, options));
            Console.Error.WriteLine($"round {round} of {options.Rounds}");
        }
        Print(options, rounds);
        return 0;
    }

    private static IReadOnlyList<PreflightStage> Try(Recipe recipe, IPluginCatalog catalog, RecipesOptions options) =>
        Preflight
            .Run(
                recipe,
                catalog,
                new PreflightOptions
                {
                    Samples = 64,
                    Steps = NoLimit,
                    StageSeconds = options.Seconds,
                    Clock = options.Wall ? TimeProvider.System : new CpuClock(),
                }
            )
            .Stages;

    private static void Print(RecipesOptions options, List<IReadOnlyList<PreflightStage>>[] rounds)
    {
        var load = File.ReadAllText("/proc/loadavg").Split(' ')[0];
        Console.WriteLine(
            $"{(options.Wall ? "clock" : "processor")} time, {options.Threads} threads, {options.Rounds} rounds of "
                + $"{options.Seconds} s, load {load}"
        );
        Console.WriteLine($"{"recipe", -40} {"stage", -16} {"ms per step, median (range)", 32}");
        foreach (var (file, tries) in options.Files.Zip(rounds))
            for (var s = 0; s < tries[0].Count; s++)
            {
                var each = tries.Select(stages => 1000 * stages[s].StepSeconds).ToArray();
                var range = $"{Statistics.Median(each):f2} ({each.Min():f2}-{each.Max():f2})";
                Console.WriteLine($"{Path.GetFileName(file), -40} {tries[0][s].Name, -16} {range, 32}");
            }
        for (var i = 1; i < rounds.Length; i++)
        {
            // Turns of one round lie close together, so that what disturbs meets both.
            var ratios = rounds[i].Zip(rounds[0], (a, b) => a[^1].StepSeconds / b[^1].StepSeconds).ToArray();
            Console.WriteLine(
                $"{Path.GetFileName(options.Files[i])} / {Path.GetFileName(options.Files[0])}, last stage: median of "
                    + $"{ratios.Length} rounds {Statistics.Median(ratios):f3} ({ratios.Min():f3}-{ratios.Max():f3})"
            );
        }
    }
}
