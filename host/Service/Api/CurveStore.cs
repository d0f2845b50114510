using System.Text.RegularExpressions;
using KdPlugins.Host.Service.Queue;

namespace KdPlugins.Host.Service.Api;

/// <summary>
/// The curves of runs, for many who look at once: a log is read by one at a time, at most once a second, and not again
/// until it has changed.
/// </summary>
internal sealed partial class CurveStore(TimeProvider clock)
{
    private const int MostKept = 64;
    private const int MostSeeds = 16;
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);
    private readonly Dictionary<(string Folder, int Points), Entry> _entries = [];
    private readonly Lock _gate = new();

    /// <summary>The folders of a run that have events: its own, or those of its latest seeds.</summary>
    internal static IReadOnlyList<string> Folders(JobFolder run)
    {
        if (!Directory.Exists(run.RunPath))
            return [];
        var seeds = Directory
            .EnumerateDirectories(run.RunPath, "seed-*")
            .Where(f => SeedName().IsMatch(Path.GetFileName(f)))
            .OrderBy(f => f.Length)
            .ThenBy(f => f, StringComparer.Ordinal)
            .TakeLast(MostSeeds);
        return [.. seeds.Prepend(run.RunPath).Where(f => File.Exists(Path.Combine(f, "events.jsonl")))];
    }

    /// <summary>Whether a text names the folder of a seed.</summary>
    internal static bool IsSeed(string text) => SeedName().IsMatch(text);

    /// <summary>The curves of a run, by seed.</summary>
    /// <param name="run">Its folder.</param>
    /// <param name="points">The most points of a curve: 10 to 5000.</param>
    internal IReadOnlyList<SeedCurves> Of(JobFolder run, int points)
    {
        points = Math.Clamp(points, 10, 5000);
        return
        [
            .. Folders(run).Select(f => new SeedCurves(f == run.RunPath ? "" : Path.GetFileName(f), Curves(f, points))),
        ];
    }

    private IReadOnlyList<RunCurve> Curves(string folder, int points)
    {
        lock (_gate)
        {
            var file = new FileInfo(Path.Combine(folder, "events.jsonl"));
            var state = file.Exists ? (file.Length, file.LastWriteTimeUtc) : default;
            // Not the time of day, which may be set back: old curves would stay until it is what it was.
            var now = clock.GetTimestamp();
            if (
                _entries.TryGetValue((folder, points), out var known)
                && (known.State == state || clock.GetElapsedTime(known.Read, now) < Fresh)
            )
                return known.Curves;
            if (_entries.Count >= MostKept)
                _entries.Remove(_entries.MinBy(e => e.Value.Read).Key);
            var curves = file.Exists ? RunCurves.Read(folder, points) : [];
            _entries[(folder, points)] = new(state, now, curves);
            return curves;
        }
    }

    private sealed record Entry((long, DateTime) State, long Read, IReadOnlyList<RunCurve> Curves);

    [GeneratedRegex("^seed-[0-9]{1,20}$")]
    private static partial Regex SeedName();
}
