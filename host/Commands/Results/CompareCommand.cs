using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using KdPlugins.Host.Commands.Run;
using KdPlugins.Host.Service.Queue;

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
            var paths = parsed.GetRequiredValue(runs);
            var reports = paths.Select(ReportFile.Read).ToList();
            screen.Tell(() => Json(paths, reports), () => Text(paths, reports));
            return ExitCodes.Done;
        });
        return command;
    }

    private static JsonObject Json(string[] paths, IReadOnlyList<JsonObject> reports) =>
        new()
        {
            ["event"] = "comparison",
            ["runs"] = new JsonArray([
                .. paths.Zip(
                    reports,
                    (path, report) =>
                        new JsonObject { ["folder"] = Path.GetFullPath(path), ["report"] = report.DeepClone() }
                ),
            ]),
        };

    private static string Text(string[] paths, IReadOnlyList<JsonObject> reports)
    {
        var table = new TextTable("run", "method", "role", "metric", "last", "best", "parameters", "images/s", "time");
        foreach (var (path, report) in paths.Zip(reports))
        {
            var name = NameOf(path);
            foreach (var role in ResultTable.Roles(report))
            {
                var node = report[role]!.AsObject();
                var metric = ResultTable.MetricOf(node)!;
                table.Add(
                    name,
                    Field(report, "method"),
                    role,
                    metric.Replace('_', ' '),
                    ResultTable.Value(node, metric, "last"),
                    ResultTable.Value(node, metric, "best"),
                    node["parameters"]?.GetValue<long>().ToString("N0", CultureInfo.InvariantCulture) ?? "",
                    Field(report, "images_per_second"),
                    RunText.Duration(TimeSpan.FromSeconds(report["seconds"]?.GetValue<double>() ?? 0))
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
