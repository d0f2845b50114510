using System.Collections.Concurrent;
using System.Text.Json;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Host.Texts;

namespace KdPlugins.Host.Service.Api;

/// <summary>An attempt at a run.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Device">Where.</param>
/// <param name="Began">When it began.</param>
/// <param name="Ended">When it ended; null while it goes on, and where the service ended before it.</param>
/// <param name="ExitCode">How the worker ended.</param>
/// <param name="State">What became of the run; null as Ended.</param>
/// <param name="Message">What was said about it.</param>
internal sealed record Attempt(
    int Number,
    string Device,
    DateTimeOffset Began,
    DateTimeOffset? Ended,
    int? ExitCode,
    JobState? State,
    string Message
);

/// <summary>
/// Keeps the attempts of runs in attempts.jsonl of their folders: a line when one begins, one when it ends. For people to
/// look at only; where it cannot be written the runs go on without.
/// </summary>
internal sealed class AttemptLog(JobQueue queue, TimeProvider clock)
{
    internal const string FileName = "attempts.jsonl";
    private const int MostShown = 100;
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);
    private readonly ConcurrentDictionary<string, Attempt> _open = new();

    /// <summary>Takes note of a run's change.</summary>
    internal void Note(Job job)
    {
        if (job.State == JobState.Running)
        {
            if (_open.TryGetValue(job.Id, out var known) && known.Number == job.Attempts)
                return;
            var begun = new Attempt(job.Attempts, job.Device ?? "", clock.GetUtcNow(), null, null, null, "");
            _open[job.Id] = begun;
            Append(job.Id, begun);
        }
        else if (_open.TryRemove(job.Id, out var begun))
            Append(
                job.Id,
                begun with
                {
                    Ended = clock.GetUtcNow(),
                    ExitCode = job.ExitCode,
                    State = job.State,
                    Message = job.Message,
                }
            );
    }

    /// <summary>The latest attempts of a run, the first of them first.</summary>
    internal IReadOnlyList<Attempt> Of(string id)
    {
        var path = Path.Combine(queue.Folder(id).Root, FileName);
        var found = new SortedDictionary<int, Attempt>();
        try
        {
            if (File.Exists(path))
                foreach (var line in FileLines.Of(path))
                    if (Parse(line) is { } attempt)
                    {
                        found[attempt.Number] = attempt;
                        if (found.Count > MostShown)
                            found.Remove(found.Keys.First());
                    }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
        return [.. found.Values];
    }

    private void Append(string id, Attempt attempt)
    {
        try
        {
            File.AppendAllText(
                Path.Combine(queue.Folder(id).Root, FileName),
                JsonSerializer.Serialize(attempt, Json) + "\n"
            );
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }

    // The last line may be torn by a crash.
    private static Attempt? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize<Attempt>(line, Json);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
