using System.Diagnostics;
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
internal sealed class EngineContestant : IContestant
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
          "training": {
            "epochs": 10000,
            "batchSize": 64,
            "optimiser": { "name": "sgd", "learningRate": 0.05, "momentum": 0.9, "weightDecay": 5e-4 },
            "schedule": { "name": "constant" }
          },
          "evaluation": { "everyEpochs": 0 }
        }
        """;

    private readonly RecipeRun _runs = new(
        TestCatalog
            .Of(typeof(CifarResNet).Assembly, typeof(KdLoss).Assembly, typeof(OfflineStrategy).Assembly)
            .With(typeof(StillImages))
    );
    private int _turns;

    public string Name => "engine";

    public Turn Run(double seconds)
    {
        var watch = new StepWatch(seconds);
        Experiment.Run(
            _runs.Read(Text),
            _runs.Path($"turn-{++_turns}"),
            _runs.Catalog,
            new SessionOptions { Observer = watch },
            new ResumeOptions(),
            watch.Token
        );
        return watch.Turn ?? throw new InvalidOperationException("The run ended before its time.");
    }

    public void Dispose() => _runs.Dispose();

    /// <summary>Measures from the end of the warm-up to the last step, and then stops the run.</summary>
    private sealed class StepWatch(double seconds) : IRunObserver
    {
        private const int WarmUp = 5;
        private readonly CancellationTokenSource _stop = new();
        private int _steps;
        private long _start;
        private double _loss;
        private ProcessUse _before;

        public CancellationToken Token => _stop.Token;

        public Turn? Turn { get; private set; }

        public void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double imagesPerSecond)
        {
            _loss = values?.GetValueOrDefault("loss") ?? _loss;
            if (++_steps <= WarmUp || Turn is not null)
            {
                (_start, _before) = (Stopwatch.GetTimestamp(), ProcessUse.Now(Environment.ProcessId));
                return;
            }
            var elapsed = Stopwatch.GetElapsedTime(_start).TotalSeconds;
            if (elapsed < seconds)
                return;
            var (steps, use) = (_steps - WarmUp, ProcessUse.Now(Environment.ProcessId) - _before);
            Turn = new(
                steps * DistillationStep.Batch / elapsed,
                use.CpuSeconds * 1000 / steps,
                (double)use.Faults / steps,
                _loss
            );
            _stop.Cancel();
        }

        public void RunStarted(long seed, string path) { }

        public void StageStarted(Progress progress) { }

        public void Evaluated(Progress progress, Evaluation evaluation) { }

        public void CheckpointWritten(Progress progress, string path) { }

        public void Warned(string message) => Console.Error.WriteLine(message);
    }
}
