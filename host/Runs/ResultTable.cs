using System.Globalization;
using System.Text.Json.Nodes;
using KdPlugins.Host.Texts;

namespace KdPlugins.Host.Runs;

/// <summary>A run's report as a table: one row per role, the metric's last and best state.</summary>
internal static class ResultTable
{
    private static readonly string[] First = ["teacher", "baseline"];

    /// <summary>The roles of a report: teacher, baseline, the others, the result last.</summary>
    internal static IReadOnlyList<string> Roles(JsonObject report)
    {
        var result = Json.Text(report, "result");
        var measures = Measures.Of(report);
        return
        [
            .. report
                .Where(e => e.Value is JsonObject role && measures.KeyOf(role) is not null)
                .Select(e => e.Key)
                .OrderBy(role =>
                    role == result ? 100
                    : Array.IndexOf(First, role) is var at and >= 0 ? at
                    : 50
                )
                .ThenBy(role => role, StringComparer.Ordinal),
        ];
    }

    /// <summary>A state's value; over several seeds the mean and the deviation.</summary>
    internal static string Value(Measures measures, JsonObject role, string metric, string state)
    {
        if (role[metric] is not JsonObject pair || Json.Number(pair, state) is not { } value)
            return "";
        var text = measures.Text(metric, value);
        var deviation = Json.Number(pair, state == "last" ? "std" : "best_std");
        return deviation is { } d ? $"{text} ± {measures.Text(metric, d)}" : text;
    }

    /// <summary>The number of a role's parameters.</summary>
    internal static string Parameters(JsonObject role) =>
        Json.Number(role, "parameters")?.ToString("N0", CultureInfo.InvariantCulture) ?? "";

    internal static string Of(JsonObject report)
    {
        var roles = Roles(report);
        if (roles.Count == 0)
            return "The report has no results.";
        var measures = Measures.Of(report);
        var metric = measures.KeyOf(report[roles[^1]]!.AsObject())!;
        var name = metric.Replace('_', ' ');
        var table = new TextTable("role", $"{name}, last", $"{name}, best", "parameters");
        foreach (var role in roles)
        {
            var node = report[role]!.AsObject();
            table.Add(
                role,
                Value(measures, node, metric, "last"),
                Value(measures, node, metric, "best"),
                Parameters(node)
            );
        }
        return table.ToString();
    }
}
