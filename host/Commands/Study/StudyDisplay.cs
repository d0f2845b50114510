using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Commands.Run;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Service.Processes;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Study;

/// <summary>
/// Shows a study while it goes on: a line when a run begins and one with the results so far when it ends; between them one that
/// is redrawn on a terminal, one every half minute elsewhere, and events for programs.
/// </summary>
internal sealed class StudyDisplay
{
    private static readonly TimeSpan Redraw = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Lines = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Events = TimeSpan.FromSeconds(5);

    private readonly Screen _screen;
    private readonly IReadOnlyList<StudyRun> _runs;
    private readonly Func<StudyReport> _report;
    private readonly TimeProvider _time;
    private readonly StudyClock _clock;
    private readonly Lock _gate = new();
    private readonly Dictionary<StudyRun, StudyChild> _active = [];
    private long _last;
    private bool _isDrawn;

    /// <param name="screen">Where.</param>
    /// <param name="runs">All runs.</param>
    /// <param name="report">Makes the results so far.</param>
    /// <param name="jobs">Runs at a time.</param>
    /// <param name="time">The clock.</param>
    internal StudyDisplay(
        Screen screen,
        IReadOnlyList<StudyRun> runs,
        Func<StudyReport> report,
        int jobs,
        TimeProvider time
    )
    {
        (_screen, _runs, _report, _time) = (screen, runs, report, time);
        _clock = new(time, jobs);
        _last = time.GetTimestamp();
    }

    internal void Started(StudyRun run, StudyChild child)
    {
        lock (_gate)
        {
            _clock.Started(run);
            _active[run] = child;
            var goesOn = run.State == StudyRunState.Unfinished;
            Tell(
                run,
                "study-run",
                json => json["state"] = goesOn ? "resumed" : "started",
                () => $"{run.Plan.Label}{(goesOn ? ", going on" : "")}"
            );
        }
    }

    /// <summary>What a run says of itself.</summary>
    internal void Said(StudyRun run, JsonObject said)
    {
        lock (_gate)
        {
            // The last words of a run may come when it has ended.
            if (!_active.TryGetValue(run, out var child))
                return;
            if ((string?)said["event"] == "warning" && said["message"]?.GetValue<string>() is { } warning)
                Tell(run, "study-warning", json => json["message"] = warning, () => $"{run.Plan.Label}: {warning}");
            var pause =
                _screen.Json ? Events
                : _screen.IsTerminal ? Redraw
                : Lines;
            if (_time.GetElapsedTime(_last) < pause)
                return;
            _last = _time.GetTimestamp();
            var left = _clock.Left(_runs);
            if (_screen.Json)
                Tell(run, "study-progress", json => Add(json, child.Progress, left), () => "");
            else if (_screen.IsTerminal)
                Draw($"{Counter()} {string.Join("; ", _active.Select(a => Progress(a.Key, a.Value)))}{Left(left)}");
            else
                _screen.Say($"{Now()} {Counter()} {Progress(run, child)}{Left(left)}");
        }
    }

    internal void Ended(StudyRun run)
    {
        lock (_gate)
        {
            var took = _clock.Elapsed(run);
            _clock.Ended(run);
            _active.Remove(run);
            var report = _report();
            var left = _clock.Left(_runs);
            Tell(
                run,
                "study-run",
                json =>
                {
                    json["state"] = run.State.ToString().ToLowerInvariant();
                    json["message"] = run.Message.Length > 0 ? run.Message : null;
                    json["seconds"] = Math.Round(took.TotalSeconds, 1);
                    json["secondsLeft"] = Seconds(left);
                    json["values"] = Values(report, run);
                },
                () =>
                    run.State == StudyRunState.Done
                        ? $"{run.Plan.Label}: {Done(report, run)}in {RunText.Duration(took)}{Left(left)}"
                        : $"{run.Plan.Label}: {run.State.ToString().ToLowerInvariant()}. {run.Message}".TrimEnd()
            );
            if (!_screen.Json && run.State == StudyRunState.Done && StudyText.Line(report) is { Length: > 0 } line)
                _screen.Say($"  so far: {line}");
        }
    }

    private void Tell(StudyRun run, string kind, Action<JsonObject> add, Func<string> text)
    {
        if (_screen.Json)
        {
            var json = new JsonObject
            {
                ["event"] = kind,
                ["arm"] = run.Plan.Arm,
                ["preparation"] = run.Plan.Preparation,
                ["level"] = run.Plan.Level,
                ["seed"] = run.Plan.Seed,
                ["done"] = _runs.Count(r => r.State == StudyRunState.Done),
                ["of"] = _runs.Count(r => r.IsWanted),
            };
            add(json);
            _screen.Emit(json);
            return;
        }
        Clear();
        _screen.Say($"{Now()} {Counter()} {text()}");
        _screen.Output.Flush();
    }

    private string Counter() =>
        $"[{_runs.Count(r => r.IsWanted && r.State == StudyRunState.Done)}/{_runs.Count(r => r.IsWanted)}]";

    private string Now() => $"{_time.GetLocalNow():HH:mm:ss}";

    private static string Left(TimeSpan? left) =>
        left is { } time && time > TimeSpan.Zero ? $", about {RunText.Duration(time)} left for the whole" : "";

    private static double? Seconds(TimeSpan? left) => left is { } time ? Math.Round(time.TotalSeconds, 1) : null;

    private static string Progress(StudyRun run, StudyChild child)
    {
        var now = child.Progress;
        if (now.TotalSteps == 0)
            return $"{run.Plan.Label}: preparing";
        var rate = now.ImagesPerSecond > 0 ? $", {RunText.Rate(now.ImagesPerSecond)}" : "";
        var left = now.SecondsLeft is { } seconds
            ? $", {RunText.Duration(TimeSpan.FromSeconds(seconds))} left of it"
            : "";
        return $"{run.Plan.Label}: {now.Stage} step {now.Step}/{now.TotalSteps}{rate}{left}";
    }

    private static void Add(JsonObject json, WorkerProgress now, TimeSpan? left)
    {
        json["stage"] = now.Stage;
        json["step"] = now.Step;
        json["totalSteps"] = now.TotalSteps;
        json["imagesPerSecond"] = now.ImagesPerSecond;
        json["stageSecondsLeft"] = now.SecondsLeft;
        json["secondsLeft"] = Seconds(left);
    }

    private static string Done(StudyReport report, StudyRun run)
    {
        if (run.Plan.Arm is null)
            return "";
        var measure = report.Study.Measures[0];
        var value = report.Values.Values.FirstOrDefault(v =>
            v.Arm == run.Plan.Arm
            && v.Seed == run.Plan.Seed
            && Nullable.Equals(v.Level, run.Plan.Level)
            && v.Measure == measure.Name
        );
        return value is null ? "" : $"{report.Values.Label(measure)} {report.Number(measure.Name, value.Value)}, ";
    }

    private static JsonObject Values(StudyReport report, StudyRun run) =>
        new(
            report
                .Values.Values.Where(v =>
                    v.Arm == run.Plan.Arm && v.Seed == run.Plan.Seed && Nullable.Equals(v.Level, run.Plan.Level)
                )
                .Select(v => KeyValuePair.Create<string, JsonNode?>(v.Measure, Screen.Number(v.Value)))
        );

    // One line that the next one takes the place of.
    private void Draw(string text)
    {
        var width = Math.Max(20, Spectre.Console.AnsiConsole.Profile.Width - 1);
        var line = SafeText.Line(text);
        _screen.Output.Write($"\r\u001b[2K{(line.Length <= width ? line : line[..(width - 3)] + "...")}");
        _screen.Output.Flush();
        _isDrawn = true;
    }

    private void Clear()
    {
        if (_isDrawn)
            _screen.Output.Write("\r\u001b[2K");
        _isDrawn = false;
    }
}
