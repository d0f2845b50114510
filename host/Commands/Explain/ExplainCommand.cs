using System.CommandLine;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Service.Api;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Explain;

/// <summary>kd explain [CODE].</summary>
internal static class ExplainCommand
{
    internal static Command Make(Screen screen)
    {
        var code = new Argument<string?>("CODE")
        {
            Description = "A code such as KDP0550, or its number alone; without one all are listed.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var command = new Command("explain", "Says what the code of a failure stands for, and what to do.") { code };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(code) is { } asked)
                Show(screen, Find(asked));
            else
                screen.Tell(ListJson, ListText);
            return ExitCodes.Done;
        });
        return command;
    }

    private static ErrorCode Find(string asked)
    {
        var id = asked.Trim().ToUpperInvariant();
        if (!id.StartsWith("KDP", StringComparison.Ordinal))
            id = $"KDP{id.PadLeft(4, '0')}";
        return FailureAdvice.Entry(id)
            ?? throw new KdException(
                CommandErrors.Usage,
                $"There is no code '{asked}'. {Nearest.Ask(id, FailureAdvice.Entries.Select(e => e.Id))}".TrimEnd(),
                "'kd explain' lists all of them."
            );
    }

    private static void Show(Screen screen, ErrorCode entry) =>
        screen.Tell(
            () =>
            {
                var json = Json(entry);
                json["event"] = "explanation";
                return json;
            },
            () =>
                $"{entry.Id}: {entry.Title}.\n{entry.Remedy}\nA command that fails so ends with exit code {Exit(entry)}."
        );

    private static string ListText()
    {
        var table = new TextTable("code", "what it stands for");
        foreach (var entry in FailureAdvice.Entries)
            table.Add(entry.Id, entry.Title);
        return $"{table}\n'kd explain CODE' says what to do.";
    }

    private static JsonObject ListJson() =>
        new() { ["event"] = "explanations", ["codes"] = new JsonArray([.. FailureAdvice.Entries.Select(Json)]) };

    private static JsonObject Json(ErrorCode entry) =>
        new()
        {
            ["code"] = entry.Id,
            ["title"] = entry.Title,
            ["remedy"] = entry.Remedy,
            ["exitCode"] = Exit(entry),
        };

    private static int Exit(ErrorCode entry) => ExitCodes.Of(new KdException(entry, ""));
}
