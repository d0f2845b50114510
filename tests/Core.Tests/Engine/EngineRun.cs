using System.Security.Cryptography;
using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Core.Tests.Support;
using KdPlugins.Datasets;
using KdPlugins.Losses;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>Runs recipes in temporary folders, whole or in sittings that end after a number of steps.</summary>
public sealed class EngineRun : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kd-engine-").FullName;

    public static TestCatalog Catalog { get; } =
        new(
            typeof(ShapesPlugin),
            typeof(KdPlugins.Losses.CrossEntropyLoss),
            typeof(KdLoss),
            typeof(KdPlugins.Strategies.SupervisedStrategy),
            typeof(KdPlugins.Strategies.OfflineStrategy),
            typeof(TinyModel),
            typeof(TinyDenseModel),
            typeof(ProofGenerator),
            typeof(MixAugmentation),
            typeof(AnchorStrategy),
            typeof(RidgeStrategy),
            typeof(DenseStrategy),
            typeof(MutualStrategy)
        );

    public string Path(string name) => System.IO.Path.Combine(_root, name);

    public static Recipe Read(string recipe) =>
        RecipeReader.ReadText(
            recipe,
            Directory.GetCurrentDirectory(),
            new([], new Dictionary<string, string>()),
            Catalog
        );

    /// <summary>Runs to the end without a break.</summary>
    public JsonObject Whole(string recipe, string name) =>
        Experiment
            .Run(Read(recipe), Path(name), Catalog, new SessionOptions(), new ResumeOptions(), CancellationToken.None)
            .Report;

    /// <summary>Runs to the end in sittings of so many steps; gives the report and the number of sittings.</summary>
    public (JsonObject Report, int Sittings) Pieces(string recipe, string name, int steps)
    {
        for (var sitting = 1; ; sitting++)
        {
            using var stop = new CancellationTokenSource();
            var options = new SessionOptions { Observer = new StopAfter(steps, stop) };
            var end = Experiment.Run(Read(recipe), Path(name), Catalog, options, new ResumeOptions(), stop.Token);
            if (end.State == SessionEnd.Done)
                return (end.Report, sitting);
            Assert.True(sitting < 200, "the run does not come to its end");
        }
    }

    public string Sha256(string run, string file) =>
        Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(System.IO.Path.Combine(Path(run), file))));

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private sealed class StopAfter(int steps, CancellationTokenSource stop) : IRunObserver
    {
        private int _done;

        public void StepDone(Progress progress, IReadOnlyDictionary<string, double> values, double imagesPerSecond)
        {
            if (++_done >= steps)
                stop.Cancel();
        }

        public void RunStarted(long seed, string path) { }

        public void StageStarted(Progress progress) { }

        public void Evaluated(Progress progress, Evaluation evaluation) { }

        public void CheckpointWritten(Progress progress, string path) { }

        public void Warned(string message) { }
    }
}
