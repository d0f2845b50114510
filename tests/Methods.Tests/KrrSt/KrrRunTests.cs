using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Losses;
using KdPlugins.Models;
using KdPlugins.SelfSupervised;
using KdPlugins.Strategies;
using KdPlugins.Testing;
using KdPlugins.Torch;
using Xunit;

namespace KdPlugins.KrrSt.Tests;

/// <summary>Recipes and runs of the strategies, for the tests that need them.</summary>
public abstract class KrrRunTests : IDisposable
{
    private protected static readonly TestCatalog Catalog = TestCatalog.Of(
        typeof(KrrStStrategy).Assembly,
        typeof(TwoViewsStrategy).Assembly,
        typeof(CutoutAugmentation).Assembly,
        typeof(ShapesPlugin).Assembly,
        typeof(KdLoss).Assembly,
        typeof(Meters.ClassificationMeter).Assembly,
        typeof(CifarResNetPlugin).Assembly,
        typeof(SupervisedStrategy).Assembly
    );

    private protected const string Views =
        """[ { "id": "random-crop", "options": { "padding": 1 } }, { "id": "horizontal-flip" }, { "id": "normalise" } ]""";

    private protected const string Shapes = """ "id": "shapes", "options": { "size": 8, "train": 90, "test": 24 } """;

    private protected const string Small = """
        "images": 24, "pool": { "networks": 2, "steps": 3 }, "distil": { "steps": 9, "batch": 24, "learningRate": 0.01 },
        "preTrain": { "epochs": 3 }
        """;

    private protected readonly RecipeRun _runs = new(Catalog);

    public void Dispose()
    {
        _runs.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected static string Recipe(
        string options = Small,
        string strategy = "krr-st",
        string sources = "",
        string augmentations =
            $$""" "student": {{Views}}, "target": {{Views}}, "teacher": [ { "id": "normalise" } ] """,
        string losses = """{ "id": "cross-entropy" }""",
        int epochs = 1
    ) =>
        $$"""
            { "name": "krr", "dataset": { {{Shapes}} }, "sources": { {{sources}} },
              "models": { "student": { "id": "cifar-resnet", "options": { "depth": 8 } }, "target": { "like": "student" },
                          "teacher": { "like": "student" } },
              "augmentations": { {{augmentations}} },
              "strategy": { "id": "{{strategy}}", "options": { {{options}} } },
              "prepare": [ { "name": "target", "strategy": { "id": "two-views", "options": { "role": "target" } },
                             "losses": [ { "id": "barlow-twins", "options": { "role": "target", "projector": [16] } } ],
                             "training": { "epochs": 1 } } ],
              "losses": [ {{losses}} ], "training": { "epochs": {{epochs}}, "batchSize": 16 } }
            """;

    private protected string Distilled(string run) => Path.Combine(_runs.Path(run), "outputs", "distilled");

    private protected void Fails(ErrorCode code, string said, string recipe)
    {
        var failure = Assert.Throws<KdException>(() => _runs.Whole(recipe, $"run-{Guid.NewGuid():n}", 2));
        Assert.Equal(code, failure.Code);
        Assert.Contains(said, failure.Message);
    }

    private protected List<double> Values(string recipe, string stage, string name)
    {
        var values = new List<double>();
        var observer = new Recorder(stage, name, values);
        var options = new SessionOptions { Observer = observer, LogEvery = 1 };
        Experiment.Run(
            _runs.Read(recipe),
            _runs.Path($"run-{Guid.NewGuid():n}"),
            Catalog,
            options,
            new ResumeOptions(),
            CancellationToken.None
        );
        return values;
    }

    private protected abstract class QuietObserver : IRunObserver
    {
        public virtual void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double rate) { }

        public void RunStarted(long seed, string path) { }

        public void StageStarted(Progress progress) { }

        public void Evaluated(Progress progress, Evaluation evaluation) { }

        public void CheckpointWritten(Progress progress, string path) { }

        public void Warned(string message) { }
    }

    private sealed class Recorder(string stage, string name, List<double> values) : QuietObserver
    {
        public override void StepDone(Progress progress, IReadOnlyDictionary<string, double>? found, double rate)
        {
            if (progress.Stage == stage && found is not null && found.TryGetValue(name, out var value))
                values.Add(value);
        }
    }
}
