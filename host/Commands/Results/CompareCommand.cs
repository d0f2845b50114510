using System.CommandLine;
using System.Text.Json.Nodes;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Results;

/// <summary>kd compare RUN...</summary>
internal static class CompareCommand
{
    internal static Command Make(Screen screen)
    {
        var runs = new Argument<string[]>("RUN")
        {
            Description = "Folders of complete runs, or report.json files.",
            Arity = ArgumentArity.OneOrMore,
        };
        var command = new Command("compare", "Puts the reports of several runs into one table.") { runs };
        command.SetAction(parsed =>
        {
            var all = parsed.GetRequiredValue(runs).Select(Compared.Read).ToList();
            var complete = all.Where(r => r.Report is not null).ToList();
            var missing = all.Where(r => r.Report is null).ToList();
            if (complete.Count == 0)
                throw missing[0].Failure!;
            screen.Tell(() => Json(all), () => Text(complete));
            if (!screen.Json)
                foreach (var run in missing)
                    screen.Say($"warning: not in the table: {run.Failure!.Message}");
            return missing.Count == 0 ? ExitCodes.Done : ExitCodes.Damaged;
        });
        return command;
    }

    /// <summary>A run that was named, with its report or with why there is none.</summary>
    private sealed record Compared(string Path, JsonObject? Report, KdException? Failure)
    {
        internal static Compared Read(string path)
        {
            try
            {
                return new(path, ReportFile.Read(path), null);
            }
            catch (KdException e)
            {
                return new(path, null, e);
            }
        }
    }

    private static JsonObject Json(IReadOnlyList<Compared> all) =>
        new()
        {
            ["event"] = "comparison",
            ["runs"] = new JsonArray([
                .. all.Select(run => new JsonObject
                {
                    ["folder"] = Path.GetFullPath(run.Path),
                    ["report"] = run.Report?.DeepClone(),
                    ["code"] = run.Failure?.Code.Id,
                    ["message"] = run.Failure?.Message,
                }),
            ]),
        };

    private static string Text(IReadOnlyList<Compared> runs)
    {
        var table = new TextTable("run", "method", "role", "metric", "last", "best", "parameters", "images/s", "time");
        foreach (var (path, report, _) in runs)
        {
            var name = NameOf(path);
            var measures = Measures.Of(report);
            foreach (var role in ResultTable.Roles(report!))
            {
                var node = report![role]!.AsObject();
                var metric = measures.KeyOf(node)!;
                table.Add(
                    name,
                    Field(report, "method"),
                    role,
                    metric.Replace('_', ' '),
                    ResultTable.Value(measures, node, metric, "last"),
                    ResultTable.Value(measures, node, metric, "best"),
                    ResultTable.Parameters(node),
                    Field(report, "images_per_second"),
                    RunText.Duration(TimeSpan.FromSeconds(Texts.Json.Number(report, "seconds") ?? 0))
                );
                // Said once per run.
                name = "";
            }
        }
        return table.ToString();
    }

    // Every run of a service lies in a folder "run" below that of its job.
    private static string NameOf(string path)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        var folder = File.Exists(full) ? Path.GetDirectoryName(full)! : full;
        var job = new JobFolder(Path.GetDirectoryName(folder) ?? folder);
        return folder == job.RunPath && JobFolder.IsId(job.Id) ? job.Id : Path.GetFileName(folder);
    }

    private static string Field(JsonObject report, string name) => report[name]?.ToString() ?? "";
}
