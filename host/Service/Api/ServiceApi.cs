using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Loading.Listing;
using KdPlugins.Host.Loading.Recipes;
using KdPlugins.Host.Service.Plugins;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Host.Service.Workers;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace KdPlugins.Host.Service.Api;

/// <summary>The rest of the interface: plugins, devices, schema, health; and failures as they are told.</summary>
internal static class ServiceApi
{
    internal static void Map(IEndpointRouteBuilder routes)
    {
        routes
            .MapGet("/api/plugins", Plugins)
            .WithTags("plugins")
            .WithSummary("Every plugin, usable or not, with the reason.");
        routes
            .MapGet("/api/plugins/{id}", Explain)
            .WithTags("plugins")
            .WithSummary("Where a plugin and all it needs come from.");
        routes
            .MapGet(
                "/api/schema",
                (PluginSets sets) => TypedResults.Text(sets.Use(c => RecipeSchema.Make(c)), "application/schema+json")
            )
            .WithTags("plugins")
            .WithSummary("The JSON Schema of recipes with the plugins in use.");
        routes
            .MapGet("/api/recipes", (PluginSets sets) => sets.Use(c => RecipeShelf.Of(c).ToJson()))
            .WithTags("plugins")
            .WithSummary("The recipes that the plugins in use bring, by name.");
        routes
            .MapGet("/api/devices", Overview.Workers)
            .WithTags("service")
            .WithSummary("The devices, and what works on them.");
        routes
            .MapGet("/api/disk", Overview.Room)
            .WithTags("service")
            .WithSummary("The room of the data folder's disk.");
        routes
            .MapGet("/api/overview", Overview.Now)
            .WithTags("service")
            .WithSummary("Runs by state, devices, disk and plugin set at once.");
        routes
            .MapGet("/api/counts", (JobQueue queue) => queue.Counts())
            .WithTags("service")
            .WithSummary("Runs by state.");
        routes.MapGet("/health/live", () => TypedResults.Ok(new { status = "live" })).WithTags("service");
        routes.MapGet("/health/ready", Ready).WithTags("service");
    }

    /// <summary>Failures as JSON: a code, a message, and for recipes every failure with its place.</summary>
    internal static async Task Tell(HttpContext context)
    {
        var error = context.Features.Get<IExceptionHandlerFeature>()?.Error;
        var known = Known(error);
        context.Response.StatusCode = StatusOf(error);
        var body = new JsonObject
        {
            ["code"] = known?.Code.Id ?? (error is BadHttpRequestException ? ServiceErrors.Refused.Id : "KDP0800"),
            ["message"] =
                known?.Message
                ?? (error is BadHttpRequestException ? $"{error.Message} {error.InnerException?.Message}".Trim() : null)
                ?? "The service failed unexpectedly; its log says more.",
        };
        if (error is RecipeException recipe)
            body["failures"] = new JsonArray([
                .. recipe.Failures.Select(f =>
                    (JsonNode)
                        new JsonObject
                        {
                            ["code"] = f.Code.Id,
                            ["path"] = f.Path,
                            ["line"] = f.Line,
                            ["message"] = f.Sentence,
                        }
                ),
            ]);
        await context.Response.WriteAsJsonAsync(body);
    }

    /// <summary>The status of a failure.</summary>
    internal static int StatusOf(Exception? error) =>
        error switch
        {
            RecipeException => StatusCodes.Status422UnprocessableEntity,
            KdException known when known.Code == ServiceErrors.PathRefused => StatusCodes.Status422UnprocessableEntity,
            BadHttpRequestException bad => bad.StatusCode,
            KdException known when known.Code == ServiceErrors.JobMissing => StatusCodes.Status404NotFound,
            KdException known when known.Code == RecipeErrors.PluginUnknown || known.Code == HostErrors.RecipeUnknown =>
                StatusCodes.Status404NotFound,
            KdException known when known.Code == ServiceErrors.JobState => StatusCodes.Status409Conflict,
            KdException known
                when known.Code == ServiceErrors.QueueUnavailable || known.Code == ServiceErrors.TooManyStreams =>
                StatusCodes.Status503ServiceUnavailable,
            not null when IsFull(error) => StatusCodes.Status507InsufficientStorage,
            // Nothing that a request could be blamed for.
            KdException known when known.Code == WeightErrors.WriteFailed => StatusCodes.Status503ServiceUnavailable,
            IOException or UnauthorizedAccessException => StatusCodes.Status503ServiceUnavailable,
            KdException => StatusCodes.Status400BadRequest,
            _ => StatusCodes.Status500InternalServerError,
        };

    // ENOSPC, EDQUOT.
    private static bool IsFull(Exception error) =>
        error is IOException { HResult: 28 or 122 } || (error.InnerException is { } inner && IsFull(inner));

    private static KdException? Known(Exception? error) =>
        error switch
        {
            not null when IsFull(error) => new(RunErrors.DiskFull, (error as KdException)?.Detail ?? error.Message),
            KdException known => known,
            // It is an IOException too, and none of the disk's.
            BadHttpRequestException => null,
            IOException or UnauthorizedAccessException => new(ServiceErrors.DataUnusable, error.Message),
            _ => null,
        };

    /// <summary>Refusals without a word of their own, such as an address that does not exist, in the same form.</summary>
    internal static Task TellStatus(StatusCodeContext context)
    {
        var response = context.HttpContext.Response;
        var message = response.StatusCode switch
        {
            StatusCodes.Status404NotFound => "There is nothing at this address.",
            StatusCodes.Status405MethodNotAllowed => "This address does not take requests of this kind.",
            StatusCodes.Status415UnsupportedMediaType => "The body must be JSON: Content-Type: application/json.",
            var status => $"The request was answered with status {status}.",
        };
        return response.WriteAsJsonAsync(new { code = ServiceErrors.Refused.Id, message });
    }

    private static JsonObject Plugins(PluginSets sets)
    {
        var found = sets.Use(PluginReport.Json);
        found["set"] = sets.CurrentName;
        found["troubles"] = new JsonArray([
            .. sets.Troubles.Select(t =>
                (JsonNode)
                    new JsonObject
                    {
                        ["folder"] = t.Folder,
                        ["reason"] = t.Reason,
                        ["keptOld"] = t.KeptOld,
                    }
            ),
        ]);
        return found;
    }

    private static JsonObject Explain(string id, PluginSets sets) => sets.Use(c => PluginReport.Json(c.Explain(id)));

    private static IResult Ready(PluginSets sets, DiskGuard disk, WorkerPool pool)
    {
        var ready = sets.IsReady && disk.HasRoom;
        var state = new
        {
            status = ready ? "ready" : "not ready",
            plugins = sets.IsReady,
            diskFreeMegabytes = disk.FreeMegabytes,
            lastWord = pool.LastWord,
        };
        return ready
            ? TypedResults.Ok(state)
            : TypedResults.Json(state, statusCode: StatusCodes.Status503ServiceUnavailable);
    }
}
