namespace KdPlugins.Core.Tests.Engine;

/// <summary>Notes what a run warns of and which stages it begins.</summary>
internal sealed class Listener : IRunObserver
{
    internal List<string> Warnings { get; } = [];

    internal List<string> Stages { get; } = [];

    public void StageStarted(Progress progress) => Stages.Add(progress.Stage);

    public void Warned(string message) => Warnings.Add(message);

    public void RunStarted(long seed, string path) { }

    internal Action Stepped { get; init; } = () => { };

    public void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double imagesPerSecond) =>
        Stepped();

    public void Evaluated(Progress progress, Evaluation evaluation) { }

    public void CheckpointWritten(Progress progress, string path) { }
}
