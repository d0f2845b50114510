using System.Security.Cryptography;
using System.Text.Json.Nodes;
using KdPlugins.Core;

namespace KdPlugins.Testing;

/// <summary>Runs recipes in a temporary folder, whole or in sittings that end after a number of steps.</summary>
/// <param name="catalog">The plugins that the recipes may name.</param>
public sealed class RecipeRun(IPluginCatalog catalog) : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kd-recipe-").FullName;

    /// <summary>The plugins that the recipes may name.</summary>
    public IPluginCatalog Catalog => catalog;

    /// <summary>The path of something in the temporary folder, such as a run.</summary>
    public string Path(string name) => System.IO.Path.Combine(_root, name);

    /// <summary>A recipe from its text; relative paths are relative to the temporary folder.</summary>
    public Recipe Read(string recipe) =>
        RecipeReader.ReadText(recipe, _root, new([], new Dictionary<string, string>()), catalog);

    /// <summary>What a tool is run with on a recipe; relative paths are relative to the temporary folder.</summary>
    public ToolSession Tools(string recipe) =>
        new(
            catalog,
            settings => RecipeReader.ReadText(recipe, _root, new(settings, new Dictionary<string, string>()), catalog)
        );

    /// <summary>Runs to the end without a break and gives the report.</summary>
    /// <param name="recipe">The recipe's text.</param>
    /// <param name="name">The run's folder in the temporary one.</param>
    /// <param name="maxStepsPerStage">At most so many steps per stage, 0 for no limit.</param>
    public JsonObject Whole(string recipe, string name, long maxStepsPerStage = 0) =>
        Experiment
            .Run(
                Read(recipe),
                Path(name),
                catalog,
                new SessionOptions { MaxStepsPerStage = maxStepsPerStage },
                new ResumeOptions(),
                CancellationToken.None
            )
            .Report;

    /// <summary>The same, telling of every step that is done, on the thread that trains.</summary>
    public JsonObject Observed(string recipe, string name, Action<Progress> stepDone) =>
        Experiment
            .Run(
                Read(recipe),
                Path(name),
                catalog,
                new SessionOptions { Observer = new AfterSteps(stepDone) },
                new ResumeOptions(),
                CancellationToken.None
            )
            .Report;

    /// <summary>Runs to the end in sittings of so many steps; gives the report and the number of sittings.</summary>
    /// <exception cref="InvalidOperationException">The run does not end within 500 sittings.</exception>
    public (JsonObject Report, int Sittings) Pieces(string recipe, string name, int steps, long maxStepsPerStage = 0) =>
        Pieces(recipe, name, steps, maxStepsPerStage, []);

    /// <summary>The same, with these plugin classes as a new process has them in every sitting: static fields begin anew.</summary>
    /// <param name="recipe">The recipe's text.</param>
    /// <param name="name">The run's folder in the temporary one.</param>
    /// <param name="steps">Steps of a sitting, at least 1.</param>
    /// <param name="maxStepsPerStage">At most so many steps per stage, 0 for no limit.</param>
    /// <param name="renewed">All plugins that the recipe names; none for the catalog's.</param>
    /// <exception cref="InvalidOperationException">The run does not end within 500 sittings.</exception>
    internal (JsonObject Report, int Sittings) Pieces(
        string recipe,
        string name,
        int steps,
        long maxStepsPerStage,
        IReadOnlyList<Type> renewed
    )
    {
        for (var sitting = 1; sitting <= 500; sitting++)
        {
            using var fresh = new FreshPlugins(renewed);
            var plugins = renewed.Count == 0 ? catalog : new TestCatalog([.. fresh.Types]);
            using var stop = new CancellationTokenSource();
            var done = 0;
            var options = new SessionOptions
            {
                MaxStepsPerStage = maxStepsPerStage,
                Observer = new AfterSteps(_ =>
                {
                    if (++done >= steps)
                        stop.Cancel();
                }),
            };
            var read = RecipeReader.ReadText(recipe, _root, RecipeOverrides.None, plugins);
            var end = Experiment.Run(read, Path(name), plugins, options, new ResumeOptions(), stop.Token);
            if (end.State == SessionEnd.Done)
                return (end.Report, sitting);
        }
        throw new InvalidOperationException("The run does not come to its end.");
    }

    /// <summary>SHA-256 of a run's file.</summary>
    public string Sha256(string run, string file) =>
        Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(System.IO.Path.Combine(Path(run), file))));

    /// <summary>Removes the temporary folder.</summary>
    public void Dispose() => Directory.Delete(_root, recursive: true);

    private sealed class AfterSteps(Action<Progress> stepDone) : IRunObserver
    {
        public void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double imagesPerSecond) =>
            stepDone(progress);

        public void RunStarted(long seed, string path) { }

        public void StageStarted(Progress progress) { }

        public void Evaluated(Progress progress, Evaluation evaluation) { }

        public void CheckpointWritten(Progress progress, string path) { }

        public void Warned(string message) { }
    }
}
