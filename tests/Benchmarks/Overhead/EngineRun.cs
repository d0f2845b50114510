using KdPlugins.Benchmarks.Step;
using KdPlugins.Core;
using KdPlugins.Losses;
using KdPlugins.Models;
using KdPlugins.Strategies;
using KdPlugins.Testing;

namespace KdPlugins.Benchmarks.Overhead;

/// <summary>
/// The step of <see cref="DistillationStep"/> as a recipe, in a run as <c>kd run</c> makes it: feed, event log, means,
/// TensorBoard, progress.
/// </summary>
internal static class EngineRun
{
    private const string Text = """
        {
          "name": "overhead",
          "dataset": { "id": "still-images" },
          "validation": { "count": 64 },
          "models": {
            "teacher": { "id": "cifar-resnet", "options": { "depth": 56 } },
            "student": { "id": "cifar-resnet", "options": { "depth": 20 } }
          },
          "losses": [ { "id": "cross-entropy" }, { "id": "kd", "options": { "temperature": 4 } } ],
          "strategy": { "id": "offline" },
          MORE
          "training": {
            "epochs": 10000,
            "batchSize": 64,
            "optimiser": { "name": "sgd", "learningRate": 0.05, "momentum": 0.9, "weightDecay": 5e-4 },
            "schedule": { "name": "constant" }
          },
          "evaluation": { "everyEpochs": 0 }
        }
        """;

    /// <summary>Trains, on this thread, until the observer has seen enough.</summary>
    internal static void Train(Alternation observer) => Train(observer, observer.Enough, "");

    /// <summary>Trains, on this thread, until it is stopped.</summary>
    /// <param name="observer">Who is told of steps.</param>
    /// <param name="enough">Stops it.</param>
    /// <param name="more">A further section of the recipe, such as <c>"teacherCache": {}</c>; empty for none.</param>
    internal static void Train(IRunObserver observer, CancellationToken enough, string more)
    {
        using var runs = new RecipeRun(
            TestCatalog
                .Of(
                    typeof(CifarResNet).Assembly,
                    typeof(KdLoss).Assembly,
                    typeof(Meters.ClassificationMeter).Assembly,
                    typeof(OfflineStrategy).Assembly
                )
                .With(typeof(StillImages))
        );
        Experiment.Run(
            runs.Read(Text.Replace("MORE", more.Length > 0 ? more + "," : "")),
            runs.Path("run"),
            runs.Catalog,
            new SessionOptions { Observer = observer },
            new ResumeOptions(),
            enough
        );
    }
}
