using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using KdPlugins.Core;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

internal sealed class StrategyChecks<T>(StrategySettings settings)
    : PartChecks<T, IDistillationStrategy>(PluginKind.Strategy, settings)
    where T : class, IDistillationStrategy, new()
{
    protected override IEnumerable<ConformanceCheck> Own() =>
        [
            Check("learning", Learning),
            Check("stages", () => Watched("stages")),
            Check("modes", () => Watched("modes")),
            Check("context", () => Watched("context")),
            Check("global generator", () => Watched("global generator")),
            Check("names", Names),
            Check("determinism", Determinism),
            Check("resume", () => Compare("pieces")),
            Check("memory", Memory),
            Check("CPU and CUDA", Parity),
        ];

    private StageWatch? _watch;
    private ExceptionDispatchInfo? _failure;

    private string Recipe =>
        settings.Recipe ?? KitParts.Recipe(strategy: $$"""{ "id": "{{Id}}", "options": {{OptionsJson}} }""");

    // The result after one step of every stage is not yet that of the whole run.
    private void Learning()
    {
        using var run = new RecipeRun(Catalog);
        run.Whole(Recipe, "short", maxStepsPerStage: 1);
        run.Whole(Recipe, "whole");
        if (Weights(run, "short").SequenceEqual(Weights(run, "whole")))
            throw Fail(
                "the run's results are the same after one step as after all: no step.Update changes what is exported. Is its "
                    + "trainable among the stage's Trainables, and its role in Trains?"
            );
    }

    // Hashes of everything but the running statistics of batch norms, which follow from forward passes alone.
    private static List<string> Weights(RecipeRun run, string name)
    {
        var found = new List<string>();
        foreach (var (file, _) in Results(run, name))
        {
            using var weights = WeightFile.Open(Path.Combine(run.Path(name), file));
            foreach (var key in weights.Entries.Keys.Order(StringComparer.Ordinal))
                if (!key.Contains("running_") && !key.EndsWith("num_batches_tracked", StringComparison.Ordinal))
                    found.Add(Convert.ToHexStringLower(SHA256.HashData(weights.ToTensor(key).contiguous().bytes)));
        }
        return found;
    }

    // One run for the four of them; a strategy that draws may say so. What was seen before a run failed says why it did.
    private void Watched(string check)
    {
        if (_watch is null)
        {
            _watch = new();
            using var run = new RecipeRun(new PlanWatch(Catalog, (_, _) => { }, _watch));
            try
            {
                run.Whole(Recipe, "watched");
            }
            catch (Exception failure) when (failure is not ConformanceException)
            {
                _failure = ExceptionDispatchInfo.Capture(failure);
            }
            _watch.End();
        }
        if (
            _watch.Problems(check) is { Count: > 0 } problems
            && !(check == "global generator" && settings.DrawsFromTorch)
        )
            throw Fail(string.Join(" And ", problems.Take(3)));
        _failure?.Throw();
    }

    // Every module that the plan meets: the roles', and the state that the strategy owns.
    private void Names()
    {
        var problems = new List<string>();
        void Look(string what, nn.Module module)
        {
            try
            {
                ModuleNames.Verify(module);
            }
            catch (ConformanceException failure)
            {
                problems.Add($"in {what}, {failure.Message}");
            }
        }
        using var run = new RecipeRun(new PlanWatch(Catalog, Look));
        run.Whole(Recipe, "named", maxStepsPerStage: 1);
        if (problems.Count > 0)
            throw Fail(problems[0]);
    }

    private void Determinism() => Compare("again");

    private void Compare(string how)
    {
        using var run = new RecipeRun(Catalog);
        run.Whole(Recipe, "whole");
        var sittings = 1;
        if (how == "pieces")
            sittings = InSittings(run, Recipe, how, settings.StepsPerSitting);
        else
            run.Whole(Recipe, how);
        if (how == "pieces" && sittings < 2)
            throw Fail($"the run was over within {settings.StepsPerSitting} steps: nothing was resumed.");
        var (whole, other) = (Results(run, "whole").ToList(), Results(run, how).ToDictionary());
        if (whole.Count == 0)
            throw Fail("the run leaves no network and no output to compare.");
        foreach (var (file, hash) in whole)
            if (other.GetValueOrDefault(file) != hash)
                throw Fail(
                    how == "pieces"
                        ? $"{file} of a run in {sittings} sittings differs from that of the uninterrupted run. State that steps "
                            + "change belongs into context.State, the plan has to be the same when it is made again, and what a "
                            + "process does once (a module made when it is first needed) belongs into the plan."
                        : $"{file} differs between two runs of the same recipe and seed. Draw from step.Random; read no clock."
                );
    }

    // Networks and what the method exports, by path, with SHA-256.
    private static IEnumerable<KeyValuePair<string, string>> Results(RecipeRun run, string name)
    {
        var root = run.Path(name);
        var outputs = Path.Combine(root, "outputs");
        var files = Directory.EnumerateFiles(root, "*.safetensors").Where(f => !f.EndsWith("samples.safetensors"));
        if (Directory.Exists(outputs))
            files = files.Concat(Directory.EnumerateFiles(outputs, "*.safetensors", SearchOption.AllDirectories));
        return files
            .Order(StringComparer.Ordinal)
            .Select(f =>
                KeyValuePair.Create(
                    Path.GetRelativePath(root, f),
                    Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(f)))
                )
            );
    }

    // Batches that are read ahead come and go; what a step leaves behind grows with the number of steps.
    private string Memory()
    {
        const int Enough = 40;
        // What others have left behind must not go away while this one is counted.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        using var run = new RecipeRun(Catalog);
        var counts = new List<(string Stage, long Live)>();
        var recipe = settings.Recipe ?? Recipe.Replace("\"epochs\": 2", "\"epochs\": 12", StringComparison.Ordinal);
        run.Observed(recipe, "watched", progress => counts.Add((progress.Stage, LiveTensors.Count)));
        var stages = counts.GroupBy(c => c.Stage).Where(s => s.Count() >= Enough).ToList();
        foreach (var stage in stages)
        {
            var live = stage.Select(c => c.Live).ToList();
            var half = live.Count / 2;
            var more = live.Skip(half).Min() - live.Take(half).Min();
            if (more >= half * 3 / 4)
                throw Fail(
                    $"in stage '{stage.Key}' at least {more} more tensors are alive in its second half of {half} steps than in its "
                        + "first. What grows belongs into context.State.Pool, with a capacity."
                );
        }
        return stages.Count > 0 ? "" : $"no stage of the recipe has {Enough} steps to watch.";
    }

    private string Parity()
    {
        if (NoCuda() is { Length: > 0 } reason)
            return reason;
        using var run = new RecipeRun(Catalog);
        run.Whole(Recipe.Replace("\"device\": \"cpu\"", "\"device\": \"cuda\"", StringComparison.Ordinal), "cuda");
        return Results(run, "cuda").Any() ? "" : throw Fail("a run on the CUDA device leaves no results.");
    }
}
