using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Host.Service.Workers;
using KdPlugins.Torch;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace KdPlugins.Host.Service.Api;

/// <summary>The body of a submission.</summary>
/// <param name="Recipe">The recipe: an object, or its text.</param>
/// <param name="RecipeFolder">What relative paths in it start at; null for the service's own.</param>
/// <param name="Settings">Replacements such as <c>training.epochs=3</c>.</param>
/// <param name="MaxStepsPerStage">At most so many steps per stage; 0 for no limit.</param>
/// <param name="Priority">Higher goes first; -1000 to 1000.</param>
/// <param name="TimeLimitSeconds">The most it may run; 0 for no limit.</param>
internal sealed record SubmissionBody(
    JsonElement Recipe,
    string? RecipeFolder,
    IReadOnlyList<string>? Settings,
    long MaxStepsPerStage,
    int Priority,
    double TimeLimitSeconds
);

/// <summary>A run with how far it is.</summary>
/// <param name="Job">The run.</param>
/// <param name="Progress">How far its worker is; null where none is at it.</param>
internal sealed record JobView(Job Job, WorkerProgress? Progress);

/// <summary>/api/runs: submit, list, look, cancel, submit again, follow.</summary>
internal static class RunsApi
{
    private const int MaxLogBytes = 1 << 20;

    internal static void Map(IEndpointRouteBuilder routes)
    {
        var runs = routes.MapGroup("/api/runs").WithTags("runs");
        runs.MapPost("/", Submit).WithSummary("Queues a run.");
        runs.MapGet("/", List).WithSummary("Lists runs, newest first, page by page.");
        runs.MapGet("/{id}", (string id, JobQueue queue, WorkerPool pool) => View(queue.Get(id), pool))
            .WithSummary("A run, with its progress.");
        runs.MapPost("/{id}/cancel", (string id, JobQueue queue) => queue.Cancel(id)).WithSummary("Takes a run back.");
        runs.MapPost("/{id}/resubmit", (string id, JobQueue queue) => queue.Resubmit(id))
            .WithSummary("Queues a run's recipe once more.");
        runs.MapGet("/{id}/log", ReadLog).WithSummary("The end of a run's log, or what came after an offset.");
        runs.MapGet("/{id}/report", Report).WithSummary("A complete run's report.json.");
        runs.MapGet("/{id}/report.html", Page).WithSummary("A run's report as a page.");
        runs.MapGet("/{id}/series", Series).WithSummary("A run's curves, by seed.");
        runs.MapGet("/{id}/events", Follow).WithSummary("What happens to a run from now on, as server-sent events.");
        routes
            .MapGet("/api/events", FollowAll)
            .WithTags("runs")
            .WithSummary("What happens to all runs, as server-sent events.");
    }

    private static IResult Submit([FromBody] SubmissionBody body, Submission submission)
    {
        var text = body.Recipe.ValueKind == JsonValueKind.String ? body.Recipe.GetString()! : body.Recipe.GetRawText();
        var job = submission.Submit(
            new(
                text,
                body.RecipeFolder ?? "",
                body.Settings ?? [],
                body.MaxStepsPerStage,
                body.Priority,
                body.TimeLimitSeconds,
                "api"
            )
        );
        return TypedResults.Created($"/api/runs/{job.Id}", job);
    }

    private static JobPage List(JobQueue queue, JobState? state, string? search, long? before, int limit = 50) =>
        queue.List(state, search, before, limit);

    private static JobView View(Job job, WorkerPool pool) => new(job, pool.ProgressOf(job.Id));

    private static IResult ReadLog(string id, JobQueue queue, long? from)
    {
        var path = Existing(queue, id).LogPath;
        if (!File.Exists(path))
            return TypedResults.Ok(new { text = "", next = 0L });
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var start = Math.Clamp(from ?? stream.Length - MaxLogBytes, 0, stream.Length);
        stream.Seek(start, SeekOrigin.Begin);
        var bytes = new byte[Math.Min(MaxLogBytes, stream.Length - start)];
        stream.ReadExactly(bytes);
        return TypedResults.Ok(new { text = System.Text.Encoding.UTF8.GetString(bytes), next = start + bytes.Length });
    }

    private static IResult Report(string id, JobQueue queue)
    {
        var path = Path.Combine(Existing(queue, id).RunPath, "report.json");
        return File.Exists(path)
            ? TypedResults.Bytes(File.ReadAllBytes(path), "application/json")
            : TypedResults.NotFound(new { message = $"Run '{id}' has no report yet." });
    }

    private static IResult Page(string id, JobQueue queue)
    {
        var path = Path.Combine(Existing(queue, id).RunPath, "report.html");
        return File.Exists(path)
            ? TypedResults.Bytes(File.ReadAllBytes(path), "text/html; charset=utf-8")
            : TypedResults.NotFound(new { message = $"Run '{id}' has no report yet." });
    }

    private static IResult Series(string id, JobQueue queue)
    {
        var run = Existing(queue, id).RunPath;
        if (!Directory.Exists(run))
            return TypedResults.Ok(new JsonObject());
        string[] folders = [run, .. Directory.EnumerateDirectories(run, "seed-*").Order(StringComparer.Ordinal)];
        var result = new JsonObject();
        foreach (var folder in folders.Where(f => File.Exists(Path.Combine(f, "events.jsonl"))))
            result[folder == run ? "run" : Path.GetFileName(folder)] = Curves(EventLog.Read(folder));
        return TypedResults.Ok(result);
    }

    private static JsonObject Curves(EventHistory history)
    {
        var curves = new JsonObject();
        foreach (var kind in (string[])["step", "evaluation"])
        foreach (var name in history.Names(kind))
            curves[name] = new JsonArray([
                .. history
                    .Series(name, kind)
                    .Where(p => double.IsFinite(p.Value))
                    .Select(p => (JsonNode)new JsonArray(p.Step, p.Value)),
            ]);
        return curves;
    }

    private static IResult Follow(string id, JobQueue queue, Hub hub, CancellationToken stop)
    {
        _ = queue.Get(id);
        return TypedResults.ServerSentEvents(Events(hub, id, stop));
    }

    private static IResult FollowAll(Hub hub, CancellationToken stop) =>
        TypedResults.ServerSentEvents(Events(hub, null, stop));

    private static async IAsyncEnumerable<System.Net.ServerSentEvents.SseItem<string>> Events(
        Hub hub,
        string? job,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop
    )
    {
        await foreach (var happening in hub.Watch(job, stop))
        {
            var data = new JsonObject { ["run"] = happening.Job, ["data"] = happening.Data.DeepClone() };
            yield return new(data.ToJsonString(), happening.Kind);
        }
    }

    private static JobFolder Existing(JobQueue queue, string id) => queue.Folder(queue.Get(id).Id);
}
