using System.Collections.Concurrent;
using System.Text.Json;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Host.Texts;

namespace KdPlugins.Host.Service.Api;

/// <summary>What a run has come to.</summary>
/// <param name="Role">The network.</param>
/// <param name="Metric">What was measured, such as "test accuracy".</param>
/// <param name="Value">The value; over several seeds the mean.</param>
/// <param name="IsShare">Whether it is a share of one, shown as per cent.</param>
internal sealed record RunResult(string Role, string Metric, double Value, bool IsShare);

/// <summary>The results of runs for lists: from the report of a complete one, else the latest evaluation.</summary>
internal sealed class RunResults(JobQueue queue, CurveStore curves)
{
    private const int MostKept = 4096;
    private const int LargestReport = 16 << 20;
    private const int Points = 200;
    private readonly ConcurrentDictionary<string, RunResult?> _done = new();

    /// <summary>The result of a run; null where there is none yet.</summary>
    internal RunResult? Of(Job job)
    {
        try
        {
            return job.State switch
            {
                JobState.Done => Done(job.Id),
                JobState.Running => Latest(queue.Folder(job.Id)),
                _ => null,
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            // A list is shown without what cannot be read.
            return null;
        }
    }

    private RunResult? Done(string id)
    {
        if (_done.TryGetValue(id, out var known))
            return known;
        if (_done.Count >= MostKept)
            _done.Clear();
        return _done[id] = Reported(Path.Combine(queue.Folder(id).RunPath, "report.json"));
    }

    private static RunResult? Reported(string path)
    {
        var file = new FileInfo(path);
        if (
            !file.Exists
            || file.Length > LargestReport
            || Json.Read(path, LargestReport) is not { } report
            || ResultTable.Roles(report) is not [.., var role]
            || Json.Object(report, role) is not { } measured
            || Measures.Of(report) is not { } measures
            || measures.KeyOf(measured) is not { } metric
            || Json.Number(Json.Object(measured, metric), "last") is not { } value
            || !double.IsFinite(value)
        )
            return null;
        return new(role, metric.Replace('_', ' '), value, measures.IsShare(metric));
    }

    private RunResult? Latest(JobFolder folder)
    {
        var seeds = curves.Of(folder, Points);
        if (seeds.Count == 0)
            return null;
        // The last network that is measured by what says most.
        var evaluations = seeds[^1].Curves.Where(c => c.Rank >= 0 && c.Source.Length > 0 && c.Points.Count > 0);
        return evaluations.Reverse().MinBy(c => c.Rank) is { } found
            ? new(found.Role, $"{found.Source} {found.Name}", found.Points[^1][1], found.IsShare)
            : null;
    }
}
