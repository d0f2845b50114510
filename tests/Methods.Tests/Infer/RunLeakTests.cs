using KdPlugins.Core;
using KdPlugins.Sre2l;
using KdPlugins.Testing;
using KdPlugins.Torch;

namespace KdPlugins.Infer.Tests;

/// <summary>Steps leave no tensor behind, item after item, in every stage.</summary>
public sealed class RunLeakTests : IDisposable
{
    private const int Iterations = 4;

    /// <summary>Two batches of three tensors, which may be there or not when a step is counted.</summary>
    private const int ReadAhead = 6;

    private static readonly TestCatalog Catalog = TestCatalog.Of(
        typeof(InferStrategy).Assembly,
        typeof(Sre2lStrategy).Assembly,
        typeof(Augmentations.MixupAugmentation).Assembly,
        typeof(Datasets.ShapesPlugin).Assembly,
        typeof(Losses.KdLoss).Assembly,
        typeof(Meters.ClassificationMeter).Assembly,
        typeof(Models.CifarResNetPlugin).Assembly
    );

    private readonly RecipeRun _runs = new(Catalog);

    public void Dispose() => _runs.Dispose();

    // What composing dropped without disposing is garbage, which goes at some time and would hide what a step leaves.
    private static long Live()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return LiveTensors.Count;
    }

    [Theory]
    [InlineData(
        """{ "id": "infer", "options": { "imagesPerClass": 21, "iterations": 4, "labels": "dynamic" } }""",
        "compensate"
    )]
    [InlineData("""{ "id": "infer", "options": { "imagesPerClass": 60, "iterations": 2 } }""", "label")]
    [InlineData(
        """{ "id": "sre2l", "options": { "imagesPerClass": 24, "iterations": 4, "batchSize": 6 } }""",
        "recover"
    )]
    public void Live_tensors_stay_as_many(string strategy, string stage)
    {
        var recipe = $$"""
            { "name": "leak", "strategy": {{strategy}}, "losses": [ { "id": "kd" } ],
              "dataset": { "id": "shapes", "options": { "size": 8, "classes": 4, "train": 240, "test": 8 } },
              "models": { "teacher": { "id": "cifar-resnet", "options": { "depth": 8 } }, "student": { "like": "teacher" } },
              "augmentations": { "student": [ { "id": "mixup" } ] },
              "training": { "epochs": 4, "batchSize": 4 }, "evaluation": { "everyEpochs": 0 } }
            """;
        var counts = new List<(string Stage, long Live)>();
        _runs.Observed(recipe, "run", progress => counts.Add((progress.Stage, Live())));
        foreach (var name in stage == "label" ? [stage] : new[] { stage, "student" })
        {
            var seen = counts.Where(c => c.Stage == name).Select(c => c.Live).ToList();
            // The first item has the start of the stage, the last step its end.
            var items = seen.SkipLast(1).Chunk(Iterations).Where(c => c.Length == Iterations).Skip(1).ToList();
            // A single tensor left behind by every item would add up to more than what is read ahead.
            Assert.True(items.Count - 1 > ReadAhead, $"{seen.Count} steps of {name}");
            Assert.InRange(items[^1].Min() - items[0].Min(), -ReadAhead, ReadAhead);
        }
    }
}
