using KdPlugins.Core.Tests.Runs;
using KdPlugins.Testing;
using Tensorboard;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>Events and TensorBoard's file say the same, and neither says a step twice.</summary>
public sealed class JournalTests : IDisposable
{
    private readonly RecipeRun _runs = new(EngineRun.Catalog);

    public void Dispose() => _runs.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public void A_run_in_pieces_writes_every_number_once_into_both_files(int torn)
    {
        var recipe = ProofTests.Recipes["offline"];
        var sittings = 0;
        while (true)
        {
            using var stop = new CancellationTokenSource();
            var observer = new Watcher(3, stop);
            var end = Run(recipe, observer, stop.Token);
            Assert.Empty(observer.Warnings);
            sittings++;
            if (end.State == SessionEnd.Done)
                break;
            // As if the process had died inside its last write.
            using var file = File.OpenWrite(Board());
            file.SetLength(file.Length - torn);
        }
        Assert.True(sittings > 2);
        var events = EventLog.Read(_runs.Path("run")).Events.Where(e => e.Values.Count > 0).ToList();
        var found = TensorBoardWriterTests
            .Decode(Board())
            .SelectMany(e => e.Summary?.Value.Select(v => (e.Step, v)) ?? []);
        var points = found.Select(p => (p.Step, p.v.Tag, p.v.SimpleValue)).ToList();
        Assert.Equal(points.Count, points.Select(p => (p.Step, p.Tag)).Distinct().Count());
        var expected = events
            .SelectMany(e => e.Values.Select(v => (e.Step!.Value, Tag(e, v.Key), (float)v.Value)))
            .ToList();
        if (torn == 0)
            Assert.Equal(expected, points);
        else
            // What was torn belonged to a checkpoint's own step, and is lost; nothing else is.
            Assert.Empty(points.Except(expected));
        Assert.Contains(points, p => p.Tag == "validation/student/accuracy");
        Assert.Contains(points, p => p.Tag == "train/distil/lr.student");
        Assert.InRange(points.Count, expected.Count - sittings * 8, expected.Count);
    }

    [Fact]
    public void Where_the_file_cannot_be_written_the_run_goes_on_and_says_so()
    {
        Directory.CreateDirectory(_runs.Path("run"));
        File.WriteAllText(System.IO.Path.Combine(_runs.Path("run"), "tensorboard"), "in the way");
        var observer = new Watcher(int.MaxValue, null);
        Assert.Equal(SessionEnd.Done, Run(ProofTests.Recipes["ridge"], observer, CancellationToken.None).State);
        Assert.Single(observer.Warnings, w => w.Contains("TensorBoard"));
        Assert.Equal(observer.Warnings.Count, EventLog.Read(_runs.Path("run")).Events.Count(e => e.Kind == "warning"));
    }

    private string Board() =>
        Assert.Single(Directory.GetFiles(System.IO.Path.Combine(_runs.Path("run"), "tensorboard")));

    private ExperimentEnd Run(string recipe, IRunObserver observer, CancellationToken cancellation) =>
        Experiment.Run(
            _runs.Read(recipe),
            _runs.Path("run"),
            EngineRun.Catalog,
            new SessionOptions { Observer = observer, LogEvery = 1 },
            new ResumeOptions(),
            cancellation
        );

    private static string Tag(RunEvent e, string name)
    {
        if (e.Kind == "step")
            return $"train/{e.Stage}/{name}";
        var parts = name.Split('.', 3);
        return $"{parts[1]}/{parts[0]}/{parts[2]}";
    }

    private sealed class Watcher(int steps, CancellationTokenSource? stop) : IRunObserver
    {
        private int _done;

        internal List<string> Warnings { get; } = [];

        public void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double imagesPerSecond)
        {
            if (++_done >= steps)
                stop?.Cancel();
        }

        public void RunStarted(long seed, string path) { }

        public void StageStarted(Progress progress) { }

        public void Evaluated(Progress progress, Evaluation evaluation) { }

        public void CheckpointWritten(Progress progress, string path) { }

        public void Warned(string message) => Warnings.Add(message);
    }
}
