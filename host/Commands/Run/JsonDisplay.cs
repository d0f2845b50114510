using System.Text.Json.Nodes;
using KdPlugins.Core;

namespace KdPlugins.Host.Commands.Run;

/// <summary>One JSON object per line; what they are is in "event".</summary>
internal sealed class JsonDisplay(Screen screen) : IRunDisplay
{
    private readonly StageClock _clock = new(TimeProvider.System);

    public void During(Action run) => run();

    public void RunStarted(long seed, string path) =>
        screen.Emit(
            new()
            {
                ["event"] = "run",
                ["seed"] = seed,
                ["folder"] = path,
            }
        );

    public void StageStarted(Progress progress)
    {
        _clock.Start(progress);
        screen.Emit(At("stage", progress));
    }

    public void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double imagesPerSecond)
    {
        if (values is null)
            return;
        var line = At("step", progress);
        line["imagesPerSecond"] = Math.Round(imagesPerSecond, 1);
        line["secondsLeft"] = _clock.Left(progress) is { } left ? Math.Round(left.TotalSeconds, 1) : null;
        line["values"] = Values(values);
        screen.Emit(line);
    }

    public void Evaluated(Progress progress, Evaluation evaluation)
    {
        var line = At("evaluation", progress);
        line["role"] = evaluation.Role;
        line["source"] = evaluation.Source;
        line["samples"] = evaluation.Samples;
        line["values"] = Values(evaluation.Values);
        screen.Emit(line);
    }

    public void CheckpointWritten(Progress progress, string path)
    {
        var line = At("checkpoint", progress);
        line["path"] = path;
        screen.Emit(line);
    }

    public void Warned(string message) => screen.Emit(new() { ["event"] = "warning", ["message"] = message });

    internal static JsonObject Values(IEnumerable<KeyValuePair<string, double>> values) =>
        new(values.Select(v => KeyValuePair.Create<string, JsonNode?>(v.Key, Screen.Number(v.Value))));

    private static JsonObject At(string kind, Progress progress) =>
        new()
        {
            ["event"] = kind,
            ["stage"] = progress.Stage,
            ["step"] = progress.Step,
            ["totalSteps"] = progress.TotalSteps,
            ["epoch"] = progress.Epoch,
            ["totalEpochs"] = progress.TotalEpochs,
        };
}
