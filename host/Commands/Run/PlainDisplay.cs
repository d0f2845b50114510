using KdPlugins.Core;
using KdPlugins.Host.Runs;

namespace KdPlugins.Host.Commands.Run;

/// <summary>Lines for logs: one per epoch and evaluation, and one every ten seconds where an epoch takes longer.</summary>
internal sealed class PlainDisplay(Screen screen, int seeds, TimeProvider time) : IRunDisplay
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    private readonly StageClock _clock = new(time);
    private long _last = time.GetTimestamp();
    private string _loss = "";

    public void During(Action run) => run();

    public void RunStarted(long seed, string path)
    {
        if (seeds > 1)
            Say($"seed {seed}: {path}");
    }

    public void StageStarted(Progress progress)
    {
        _clock.Start(progress);
        _loss = "";
        var epochs = progress.StepsPerEpoch > 1 ? $"{progress.TotalEpochs} epochs, " : "";
        var from = progress.Step > 0 ? $", going on at step {progress.Step}" : "";
        Say($"{progress.Stage}: {epochs}{progress.TotalSteps} steps{from}");
    }

    public void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double imagesPerSecond)
    {
        if (RunText.Loss(values) is { Length: > 0 } loss)
            _loss = $", {loss}";
        var epochDone = progress.StepsPerEpoch > 1 && progress.StepInEpoch == 0;
        var last = progress.Step == progress.TotalSteps;
        if (!epochDone && !last && time.GetElapsedTime(_last) < Pause)
            return;
        var left = _clock.Left(progress) is { } t && !last ? $", {RunText.Duration(t)} left" : "";
        Say($"{progress.Stage}: {RunText.Position(progress)}, {RunText.Rate(imagesPerSecond)}{_loss}{left}");
    }

    public void Evaluated(Progress progress, Evaluation evaluation) =>
        Say($"{progress.Stage}: {evaluation.Role} on {evaluation.Source}: {RunText.Metrics(evaluation)}");

    public void CheckpointWritten(Progress progress, string path) { }

    public void Warned(string message) => Say($"warning: {message}");

    private void Say(string text)
    {
        _last = time.GetTimestamp();
        screen.Say($"{time.GetLocalNow():HH:mm:ss} {text}");
        screen.Output.Flush();
    }
}
