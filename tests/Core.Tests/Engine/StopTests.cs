using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Testing;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>What is said of the place where a run stops.</summary>
public sealed class StopTests : IDisposable
{
    private readonly RecipeRun _runs = new(EngineRun.Catalog.With(typeof(PlainModel)));

    public void Dispose() => _runs.Dispose();

    [Theory]
    [InlineData(5, 2)]
    [InlineData(6, 3)]
    [InlineData(1, 0)]
    public void A_stopped_run_says_how_far_it_has_come(int steps, int epoch)
    {
        using var stop = new CancellationTokenSource();
        var seen = new Watcher(steps, stop);
        // 4 batches, two to an update: 2 steps in each of 6 epochs.
        const string recipe = """
            { "name": "stop", "dataset": { "id": "shapes", "options": { "size": 8, "train": 20, "test": 8 } },
              "validation": { "count": 4 }, "models": { "student": { "id": "plain" } },
              "losses": [ { "id": "cross-entropy" } ], "strategy": { "id": "supervised" },
              "training": { "epochs": 6, "batchSize": 4, "accumulate": 2 } }
            """;
        var end = Experiment.Run(
            _runs.Read(recipe),
            _runs.Path("run"),
            _runs.Catalog,
            new() { Observer = seen },
            new(),
            stop.Token
        );
        Assert.Equal(SessionEnd.Stopped, end.State);
        foreach (var place in new[] { seen.Saved!, seen.Told! })
            Assert.Equal((steps, 12, epoch, 6), (place.Step, place.TotalSteps, place.Epoch, place.TotalEpochs));
    }

    private sealed class Watcher(int steps, CancellationTokenSource stop) : IRunObserver
    {
        private int _done;

        /// <summary>Where the last checkpoint was written.</summary>
        public Progress? Saved { get; private set; }

        /// <summary>What was last said of a step.</summary>
        public Progress? Told { get; private set; }

        public void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double imagesPerSecond)
        {
            Told = progress;
            if (++_done == steps)
                stop.Cancel();
        }

        public void CheckpointWritten(Progress progress, string path) => Saved = progress;

        public void RunStarted(long seed, string path) { }

        public void StageStarted(Progress progress) { }

        public void Evaluated(Progress progress, Evaluation evaluation) { }

        public void Warned(string message) { }
    }
}
