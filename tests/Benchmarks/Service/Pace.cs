using System.Diagnostics;
using System.Globalization;
using KdPlugins.Host.Service;

namespace KdPlugins.Benchmarks.Service;

/// <summary>How fast a run goes, by the steps that its worker tells of and the time between two of these lines.</summary>
internal sealed class Pace : IDisposable
{
    private readonly CancellationTokenSource _over = new();
    private readonly List<(long Step, long Time)> _told = [];
    private readonly Lock _gate = new();

    internal Pace(Hub hub, string run) => _ = Watch(hub, run);

    /// <summary>Whether the first steps, which are slower, are over.</summary>
    internal bool IsWarm
    {
        get
        {
            lock (_gate)
                return _told is [.., { Step: > 50 }];
        }
    }

    /// <summary>Steps per second over a time.</summary>
    internal double Over(double seconds)
    {
        var from = Stopwatch.GetTimestamp();
        Thread.Sleep(TimeSpan.FromSeconds(seconds));
        lock (_gate)
        {
            var seen = _told.Where(t => t.Time >= from).ToList();
            return seen.Count >= 3
                ? (seen[^1].Step - seen[0].Step) / Stopwatch.GetElapsedTime(seen[0].Time, seen[^1].Time).TotalSeconds
                : throw new InvalidOperationException(
                    "The run is too slow for turns as short as these: raise --seconds."
                );
        }
    }

    public void Dispose() => _over.Cancel();

    private async Task Watch(Hub hub, string run)
    {
        using var watch = hub.Open(run);
        await foreach (var happening in watch.Reader.ReadAllAsync(_over.Token))
            if ((string?)happening.Data["event"] == "step")
                lock (_gate)
                    _told.Add(
                        (
                            long.Parse($"{happening.Data["step"]}", CultureInfo.InvariantCulture),
                            Stopwatch.GetTimestamp()
                        )
                    );
    }
}
