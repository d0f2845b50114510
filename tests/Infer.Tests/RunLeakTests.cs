using KdPlugins.Core;
using KdPlugins.Sre2l;
using KdPlugins.Testing;
using TorchSharp;

namespace KdPlugins.Infer.Tests;

/// <summary>Steps leave no tensor behind, item after item, in every stage.</summary>
public sealed class RunLeakTests : IDisposable
{
    private const int Iterations = 4;

    private static readonly TestCatalog Catalog = TestCatalog.Of(
        typeof(InferStrategy).Assembly,
        typeof(Sre2lStrategy).Assembly,
        typeof(Augmentations.MixupAugmentation).Assembly,
        typeof(Datasets.ShapesPlugin).Assembly,
        typeof(Losses.KdLoss).Assembly,
        typeof(Models.CifarResNetPlugin).Assembly
    );

    private readonly RecipeRun _runs = new(Catalog);

    public void Dispose() => _runs.Dispose();

    [Theory]
    [InlineData(
        """{ "id": "infer", "options": { "imagesPerClass": 7, "iterations": 4, "labels": "dynamic" } }""",
        "compensate"
    )]
    [InlineData("""{ "id": "infer", "options": { "imagesPerClass": 7, "iterations": 4 } }""", "label")]
    [InlineData(
        """{ "id": "sre2l", "options": { "imagesPerClass": 9, "iterations": 4, "batchSize": 6 } }""",
        "recover"
    )]
    public void Live_tensors_stay_as_many(string strategy, string stage)
    {
        var recipe = $$"""
            { "name": "leak", "strategy": {{strategy}}, "losses": [ { "id": "kd" } ],
              "dataset": { "id": "shapes", "options": { "size": 8, "classes": 4, "train": 80, "test": 8 } },
              "models": { "teacher": { "id": "cifar-resnet", "options": { "depth": 8 } }, "student": { "like": "teacher" } },
              "augmentations": { "student": [ { "id": "mixup" } ] },
              "training": { "epochs": 4, "batchSize": 4 }, "evaluation": { "everyEpochs": 0 } }
            """;
        var counts = new Counts();
        Experiment.Run(
            _runs.Read(recipe),
            _runs.Path("run"),
            Catalog,
            // A stage without numbers tells its steps only between two readings.
            new SessionOptions { Observer = counts, LogEvery = stage == "label" ? 1000 : 1 },
            new ResumeOptions(),
            CancellationToken.None
        );
        foreach (var name in stage == "label" ? [stage] : new[] { stage, "student" })
        {
            var seen = counts.ByStage[name];
            Assert.True(seen.Count > 2 * Iterations);
            // The same iteration of the items after the first; the last has the stage's end.
            for (var i = Iterations; i + Iterations < seen.Count - 1; i++)
                Assert.Equal(seen[i], seen[i + Iterations]);
        }
    }

    private sealed class Counts : IRunObserver
    {
        public Dictionary<string, List<long>> ByStage { get; } = [];

        public void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double imagesPerSecond)
        {
            if (!ByStage.TryGetValue(progress.Stage, out var seen))
                ByStage[progress.Stage] = seen = [];
            seen.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        }

        public void RunStarted(long seed, string path) { }

        public void StageStarted(Progress progress) { }

        public void Evaluated(Progress progress, Evaluation evaluation) { }

        public void CheckpointWritten(Progress progress, string path) { }

        public void Warned(string message) { }
    }
}
