using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands;

/// <summary>What is said of a failure.</summary>
internal static class FailureText
{
    /// <summary>A failure that nobody foresaw as one of the command line.</summary>
    internal static KdException Known(Exception error) => error as KdException ?? Wrap(error);

    private static KdException Wrap(Exception error) =>
        error is IOException or UnauthorizedAccessException
            ? new(CommandErrors.FileUnreadable, error.Message)
            : new(CommandErrors.Unexpected, $"{error.GetType().Name}: {FirstLine(error.Message)}");

    // Messages of libtorch carry its C++ stack behind the first line.
    private static string FirstLine(string message) => message.Split('\n', 2)[0].TrimEnd('.', '\r') + ".";

    /// <summary>A failure as a line of JSON.</summary>
    internal static JsonObject Json(Exception error, int code, bool verbose)
    {
        var known = Known(error);
        var line = new JsonObject
        {
            ["event"] = "error",
            ["code"] = known.Code.Id,
            ["message"] = known.Message,
            ["exitCode"] = code,
        };
        if (error is RecipeException recipe)
            line["failures"] = new JsonArray([.. recipe.Failures.Select(Json)]);
        if (verbose)
            line["trace"] = error.ToString();
        return line;
    }

    private static JsonNode Json(RecipeFailure failure) =>
        new JsonObject
        {
            ["code"] = failure.Code.Id,
            ["path"] = failure.Path,
            ["line"] = failure.Line,
            ["column"] = failure.Column,
            ["origin"] = failure.Origin,
            ["message"] = failure.Sentence,
        };
}
