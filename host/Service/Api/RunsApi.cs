using System.Text.Json;
using System.Text.Json.Serialization;
using KdPlugins.Host.Loading.Recipes;
using KdPlugins.Host.Service.Connections;
using KdPlugins.Host.Service.Intake;
using KdPlugins.Host.Service.Plugins;
using KdPlugins.Host.Service.Processes;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Host.Service.Workers;
using KdPlugins.Torch;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;

namespace KdPlugins.Host.Service.Api;

/// <summary>The body of a submission.</summary>
/// <param name="Recipe">The recipe: an object, or its text.</param>
/// <param name="RecipeName">Instead of it the name of one that a plugin brings, of those at /api/recipes.</param>
/// <param name="RecipeFolder">What relative paths in it start at; null for the service's RecipeFolder or first data root.</param>
/// <param name="Settings">Replacements such as <c>training.epochs=3</c>.</param>
/// <param name="MaxStepsPerStage">At most so many steps per stage; 0 for no limit.</param>
/// <param name="Priority">Higher goes first; -1000 to 1000.</param>
/// <param name="TimeLimitSeconds">The most it may run; 0 for no limit.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record SubmissionBody(
    JsonElement Recipe,
    string? RecipeName,
    string? RecipeFolder,
    IReadOnlyList<string>? Settings,
    long MaxStepsPerStage,
    int Priority,
    double TimeLimitSeconds
);

/// <summary>A run with all that a person wants to know of it.</summary>
/// <param name="Job">The run.</param>
/// <param name="Progress">How far its worker is; null where none is at it.</param>
/// <param name="Result">What it has come to; null where nothing is known yet.</param>
/// <param name="Failure">Why it failed, and what to do; null where it has not.</param>
/// <param name="Attempts">Its attempts, the latest hundred.</param>
internal sealed record JobView(
    Job Job,
    WorkerProgress? Progress,
    RunResult? Result,
    Failure? Failure,
    IReadOnlyList<Attempt> Attempts
);

/// <summary>A page of runs, newest first, with what is known of them by their ids.</summary>
/// <param name="Items">The runs.</param>
/// <param name="Total">How many runs fit the question, on all pages.</param>
/// <param name="Next">Where the next page begins; null on the last.</param>
/// <param name="Progress">How far those are that run.</param>
/// <param name="Results">What they have come to.</param>
internal sealed record RunPage(
    IReadOnlyList<Job> Items,
    long Total,
    long? Next,
    IReadOnlyDictionary<string, WorkerProgress> Progress,
    IReadOnlyDictionary<string, RunResult> Results
);

/// <summary>/api/runs and /api/queue: submit, list, look, cancel, submit again, follow.</summary>
internal static class RunsApi
{
    internal static void Map(IEndpointRouteBuilder routes)
    {
        var runs = routes.MapGroup("/api/runs").WithTags("runs");
        runs.MapPost("/", Submit).WithSummary("Queues a run.");
        runs.MapGet("/", List).WithSummary("Lists runs, newest first, page by page.");
        runs.MapGet("/{id}", View).WithSummary("A run, with progress, result, failure and attempts.");
        runs.MapPost("/{id}/cancel", (string id, JobQueue queue) => queue.Cancel(id)).WithSummary("Takes a run back.");
        runs.MapPost(
                "/{id}/resubmit",
                (string id, Submission submission, CancellationToken gone) => submission.Resubmit(id, gone)
            )
            .WithSummary("Queues a run's recipe once more.");
        runs.MapGet("/{id}/log", ReadLog).WithSummary("The end of a run's log, or what came after an offset.");
        runs.MapGet("/{id}/curves", Curves).WithSummary("A run's curves by seed, thinned to a number of points.");
        runs.MapGet("/{id}/samples", Samples).WithSummary("Training images as they are, and as the networks see them.");
        runs.MapGet("/{id}/report", Report).WithSummary("A complete run's report.json.");
        runs.MapGet(
                "/{id}/report.html",
                (string id, HttpContext context, JobQueue queue) => Page(id, "", context, queue)
            )
            .WithSummary("A run's report as a page.");
        runs.MapGet("/{id}/{seed}/report.html", Page).WithSummary("The page of one seed of a run.");
        runs.MapGet("/{id}/events", Follow)
            .Produces(StatusCodes.Status200OK, contentType: EventStream.ContentType)
            .WithSummary("What happens to a run from now on, as server-sent events.");
        routes
            .MapGet("/api/events", FollowAll)
            .Produces(StatusCodes.Status200OK, contentType: EventStream.ContentType)
            .WithTags("runs")
            .WithSummary("What happens to all runs, as server-sent events.");
        routes
            .MapGet("/api/queue", (JobQueue queue, int skip = 0, int limit = 50) => queue.Waiting(skip, limit))
            .WithTags("runs")
            .WithSummary("Waiting runs in the order in which they will be started.");
    }

    private static IResult Submit(
        [FromBody] SubmissionBody body,
        Submission submission,
        PluginSets plugins,
        CancellationToken gone
    )
    {
        var job = submission.Submit(
            new(
                body.RecipeName is { } name ? Named(name, body.Recipe, plugins) : Text(body.Recipe),
                body.RecipeFolder ?? "",
                body.Settings ?? [],
                body.MaxStepsPerStage,
                body.Priority,
                body.TimeLimitSeconds,
                "api"
            ),
            null,
            gone
        );
        return TypedResults.Created($"/api/runs/{job.Id}", job);
    }

    private static string Named(string name, JsonElement recipe, PluginSets plugins) =>
        recipe.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null
            ? plugins.Use(catalog => RecipeShelf.Of(catalog).Find(name).Text())
            : throw new KdException(ServiceErrors.Refused, "Give a recipe, or the name of one, not both.");

    private static string Text(JsonElement recipe)
    {
        try
        {
            return recipe.ValueKind switch
            {
                JsonValueKind.Undefined => "",
                JsonValueKind.String => recipe.GetString()!,
                _ => recipe.GetRawText(),
            };
        }
        catch (InvalidOperationException e)
        {
            // Half of a surrogate pair: JSON may hold it, a text may not.
            throw new KdException(ServiceErrors.Refused, $"The recipe is no text. {e.Message}", null, e);
        }
    }

    private static RunPage List(
        JobQueue queue,
        WorkerPool pool,
        RunResults results,
        JobState? state,
        string? search,
        long? before,
        int limit = 50
    )
    {
        var page = queue.List(state, search, before, limit);
        return new(
            page.Items,
            page.Total,
            page.Next,
            Known(page.Items, j => pool.ProgressOf(j.Id)),
            Known(page.Items, results.Of)
        );
    }

    private static Dictionary<string, T> Known<T>(IEnumerable<Job> jobs, Func<Job, T?> find)
        where T : class
    {
        Dictionary<string, T> known = [];
        foreach (var job in jobs)
            if (find(job) is { } found)
                known[job.Id] = found;
        return known;
    }

    private static JobView View(string id, JobQueue queue, WorkerPool pool, RunResults results, AttemptLog attempts)
    {
        var job = queue.Get(id);
        return new(job, pool.ProgressOf(job.Id), results.Of(job), FailureAdvice.Of(job), attempts.Of(job.Id));
    }

    private static LogPart ReadLog(string id, JobQueue queue, long? from, int tail = 1 << 20) =>
        LogPart.Read(Existing(queue, id).LogPath, from, tail);

    private static IReadOnlyList<SeedCurves> Curves(string id, JobQueue queue, CurveStore curves, int points = 400) =>
        curves.Of(Existing(queue, id), points);

    private static IReadOnlyList<SampleRow> Samples(string id, JobQueue queue) => SampleRow.Of(Existing(queue, id));

    private static IResult Report(string id, JobQueue queue) =>
        Sent(id, Path.Combine(Existing(queue, id).RunPath, "report.json"), "application/json");

    private static IResult Page(string id, string seed, HttpContext context, JobQueue queue)
    {
        var run = Existing(queue, id).RunPath;
        if (seed.Length > 0 && !CurveStore.IsSeed(seed))
            throw new KdException(ServiceErrors.JobMissing, "That is no seed of a run.");
        // The page carries its own style and pictures, and nothing else.
        context.Response.Headers.ContentSecurityPolicy =
            $"{Guards.NothingElse}; style-src 'unsafe-inline'; img-src data:";
        return Sent(id, Path.Combine(run, seed, "report.html"), "text/html; charset=utf-8");
    }

    private static IResult Sent(string id, string path, string type) =>
        File.Exists(path)
            ? TypedResults.PhysicalFile(path, type)
            : throw new KdException(
                ServiceErrors.JobMissing,
                $"Run '{id}' has no report yet.",
                "Ask again when it is done."
            );

    private static Task Follow(
        string id,
        HttpContext context,
        JobQueue queue,
        Hub hub,
        ConnectionGate gate,
        IHostApplicationLifetime life
    ) => Stream(context, hub, queue.Get(id).Id, gate, life);

    private static Task FollowAll(HttpContext context, Hub hub, ConnectionGate gate, IHostApplicationLifetime life) =>
        Stream(context, hub, null, gate, life);

    // A service that is to stop must not wait for those who watch.
    private static async Task Stream(
        HttpContext context,
        Hub hub,
        string? job,
        ConnectionGate gate,
        IHostApplicationLifetime life
    )
    {
        using var counted = gate.Stream(context);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted,
            life.ApplicationStopping
        );
        context.Response.ContentType = EventStream.ContentType;
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        await EventStream.Write(context.Response.BodyWriter, hub, job, over.Token);
    }

    private static JobFolder Existing(JobQueue queue, string id) => queue.Folder(queue.Get(id).Id);
}
