using System.Collections.Concurrent;
using KdPlugins.Core;
using KdPlugins.Host.Runs;
using KdPlugins.Torch;
using Spectre.Console;
using Spectre.Console.Rendering;
using Progress = KdPlugins.Core.Progress;

namespace KdPlugins.Host.Commands.Run;

/// <summary>A bar per stage, redrawn in place: share done, rate, time left, loss, validation metric.</summary>
internal sealed class TerminalDisplay(IAnsiConsole console, int seeds) : IRunDisplay
{
    // Read by the thread that draws.
    private readonly ConcurrentDictionary<int, string> _figures = new();
    private readonly StageClock _clock = new(TimeProvider.System);
    private ProgressContext? _context;
    private ProgressTask? _task;
    private string _seed = "";
    private string _loss = "";
    private string _score = "";

    public void During(Action run)
    {
        var progress = console
            .Progress()
            .AutoClear(false)
            .HideCompleted(false)
            .Columns(
                new TaskDescriptionColumn(),
                new ProgressBarColumn(),
                new PercentageColumn(),
                new FiguresColumn(_figures)
            );
        // Drawing takes time from the training.
        progress.RefreshRate = TimeSpan.FromMilliseconds(500);
        progress.Start(context =>
        {
            _context = context;
            run();
        });
    }

    public void RunStarted(long seed, string path) => _seed = seeds > 1 ? $"seed {seed} " : "";

    public void StageStarted(Progress progress)
    {
        _clock.Start(progress);
        (_loss, _score) = ("", "");
        _task = _context?.AddTask(
            Markup.Escape(SafeText.Line(_seed + progress.Stage)),
            autoStart: true,
            maxValue: Math.Max(1, progress.TotalSteps)
        );
        Show(progress, 0);
    }

    public void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double imagesPerSecond)
    {
        if (RunText.Loss(values) is { Length: > 0 } loss)
            _loss = loss;
        Show(progress, imagesPerSecond);
    }

    public void Evaluated(Progress progress, Evaluation evaluation) =>
        _score = SafeText.Line($"{evaluation.Role} {RunText.Metric(evaluation.Measures[0])}");

    public void CheckpointWritten(Progress progress, string path) { }

    public void Warned(string message) => console.MarkupLineInterpolated($"[yellow]warning: {SafeText.Of(message)}[/]");

    private void Show(Progress progress, double imagesPerSecond)
    {
        if (_task is null)
            return;
        var left = _clock.Left(progress) is { } t && progress.Step < progress.TotalSteps ? RunText.Duration(t) : "";
        string[] parts = [imagesPerSecond > 0 ? RunText.Rate(imagesPerSecond) : "", left, _loss, _score];
        _figures[_task.Id] = string.Join("  ", parts.Where(p => p.Length > 0));
        _task.Value = progress.Step;
    }

    private sealed class FiguresColumn(ConcurrentDictionary<int, string> figures) : ProgressColumn
    {
        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Text(figures.GetValueOrDefault(task.Id, ""));
    }
}
