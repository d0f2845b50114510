using System.Diagnostics;

namespace KdPlugins.Benchmarks.Step;

/// <summary>Sums the time between notes, by name. CPU operators have finished when their call returns.</summary>
internal sealed class Lap
{
    private readonly Dictionary<string, double> _totals = [];
    private long _last;

    internal IReadOnlyDictionary<string, double> Totals => _totals;

    internal void Start() => _last = Stopwatch.GetTimestamp();

    internal void Note(string name)
    {
        var now = Stopwatch.GetTimestamp();
        _totals[name] = _totals.GetValueOrDefault(name) + Stopwatch.GetElapsedTime(_last, now).TotalMilliseconds;
        _last = now;
    }
}
