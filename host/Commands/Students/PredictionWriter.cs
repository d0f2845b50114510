using System.Globalization;
using System.Text.Json.Nodes;

namespace KdPlugins.Host.Commands.Students;

/// <summary>Says what a student says: lines for people, rows of CSV, or lines of JSON. Progress and unreadable images go to the error stream,
/// with JSON to the output as events.</summary>
/// <param name="screen">Where to.</param>
/// <param name="csv">Whether rows of CSV are wanted.</param>
/// <param name="top">How many classes of an image.</param>
/// <param name="total">How many images there are.</param>
/// <param name="clock">The time.</param>
internal sealed class PredictionWriter(Screen screen, bool csv, int top, int total, TimeProvider clock)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    private readonly long _began = clock.GetTimestamp();
    private readonly List<string> _lines = [];
    private readonly List<JsonObject> _events = [];
    private TimeSpan _told;
    private int _done;

    /// <summary>Images that could not be read.</summary>
    internal int Unreadable { get; private set; }

    internal void Begin()
    {
        if (csv)
            screen.Say("path,rank,class,index,probability");
    }

    internal void Add(string path, Prediction prediction)
    {
        _done++;
        var best = prediction.Top(top);
        if (screen.Json)
            _events.Add(
                new()
                {
                    ["event"] = "prediction",
                    ["path"] = path,
                    ["classes"] = new JsonArray([.. best.Select(Json)]),
                }
            );
        else if (csv)
            foreach (var (rank, score) in best.Index())
                _lines.Add(
                    $"{Quoted(path)},{rank + 1},{Quoted(score.Name)},{score.Index},{score.Probability.ToString(CultureInfo.InvariantCulture)}"
                );
        else
            _lines.Add($"{path}: {string.Join(", ", best.Select(s => $"{s.Name} {s.Probability * 100:0.00} %"))}");
    }

    internal void AddUnreadable(string path, string problem)
    {
        _done++;
        Unreadable++;
        if (screen.Json)
            _events.Add(
                new()
                {
                    ["event"] = "unreadable",
                    ["path"] = path,
                    ["code"] = CommandErrors.ImagesUnreadable.Id,
                    ["message"] = problem,
                }
            );
        else
            screen.SayError($"{CommandErrors.ImagesUnreadable.Id} {problem}");
    }

    /// <summary>Ends a batch: what was added goes out at once, and every five seconds how far it is.</summary>
    internal void EndBatch()
    {
        if (_lines.Count > 0)
            screen.Say(string.Join('\n', _lines));
        screen.EmitAll(_events);
        _lines.Clear();
        _events.Clear();
        Progress();
    }

    private void Progress()
    {
        var elapsed = clock.GetElapsedTime(_began);
        if (elapsed - _told < Every || _done == total)
            return;
        _told = elapsed;
        var (rate, left) = (_done / elapsed.TotalSeconds, elapsed.TotalSeconds * (total - _done) / Math.Max(1, _done));
        if (screen.Json)
            screen.Emit(Counts("progress", elapsed, ("secondsLeft", left)));
        else
            screen.SayError($"{_done} of {total} images, {rate:0.#} images/s, {left:0} s left");
    }

    internal void End()
    {
        var elapsed = clock.GetElapsedTime(_began);
        if (screen.Json)
            screen.Emit(Counts("predicted", elapsed, ("seconds", elapsed.TotalSeconds)));
        else
            screen.SayError(
                $"{_done - Unreadable} images in {elapsed.TotalSeconds:0.0} s, {_done / elapsed.TotalSeconds:0.#} images/s"
            );
    }

    private JsonObject Counts(string name, TimeSpan elapsed, (string Name, double Value) time) =>
        new()
        {
            ["event"] = name,
            ["images"] = _done,
            ["of"] = total,
            ["unreadable"] = Unreadable,
            ["imagesPerSecond"] = _done / elapsed.TotalSeconds,
            [time.Name] = time.Value,
        };

    private static JsonObject Json(ClassScore score) =>
        new()
        {
            ["class"] = score.Name,
            ["index"] = score.Index,
            ["probability"] = Screen.Number(score.Probability),
        };

    // As RFC 4180 has it.
    private static string Quoted(string text) =>
        text.AsSpan().IndexOfAny(",\"\r\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
