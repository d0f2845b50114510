using System.Globalization;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Texts;
using static KdPlugins.Host.Texts.Html;

namespace KdPlugins.Host.Reports.Page;

/// <summary>What came out: teacher, student alone, distilled.</summary>
internal static class HeadlineSection
{
    internal static IEnumerable<XElement> Make(RunMaterial run)
    {
        var roles = run.Report is null ? [] : ResultTable.Roles(run.Report);
        if (roles.Count == 0)
        {
            yield return E("p", Class("quiet"), "There are no results yet: networks are measured at the end of a run.");
            yield break;
        }
        var report = run.Report!;
        var result = Json.Text(report, "result") ?? roles[^1];
        var measures = Measures.Of(report);
        var metric = measures.KeyOf(report[roles[^1]]!.AsObject())!;
        if (Verdict(report, roles, result, metric) is { } verdict)
            yield return E("p", Class("verdict"), verdict);
        yield return Headline(run, report, roles, result, measures, metric);
        if (metric.StartsWith("validation", StringComparison.Ordinal))
            yield return E(
                "p",
                Class("note"),
                "The data have no test split: these are the samples that chose the best state."
            );
        yield return Details("All metrics", AllMetrics(report, roles));
    }

    /// <summary>A role as the table calls it.</summary>
    internal static string Label(string role, string result, bool hasTeacher) =>
        role == "baseline" ? "student alone"
        : role == result && role == "student" && hasTeacher ? "student, distilled"
        : role;

    private static XElement Headline(
        RunMaterial run,
        JsonObject report,
        IReadOnlyList<string> roles,
        string result,
        Measures measures,
        string metric
    )
    {
        var seeds = Math.Max(1, run.Seeds.Count);
        var name = metric.Replace('_', ' ');
        var over = seeds > 1 ? $"Mean and standard deviation over {seeds} seeds. " : "One seed. ";
        string[] header = ["", $"{name}, last", $"{name}, best on validation", "best epoch", "parameters", "file size"];
        return E(
            "div",
            Class("scroll"),
            E(
                "table",
                Class("facts headline"),
                E("caption", over + "The best state was chosen on validation samples, never on these."),
                E("thead", E("tr", header.Select(h => h == "" ? E("td") : E("th", A("scope", "col"), h)))),
                E(
                    "tbody",
                    roles.Select(role =>
                    {
                        var node = report[role]!.AsObject();
                        string[] cells =
                        [
                            ResultTable.Value(measures, node, metric, "last"),
                            ResultTable.Value(measures, node, metric, "best"),
                            BestEpochs(node),
                            Count(Json.Number(node, "parameters")),
                            Text.Bytes(Json.Number(node, "bytes")),
                        ];
                        return E(
                            "tr",
                            role == result ? Class("main") : null,
                            E("th", A("scope", "row"), Label(role, result, roles.Contains("teacher"))),
                            cells.Select(c => E("td", c))
                        );
                    })
                )
            )
        );
    }

    // What was gained over the student alone, in a sentence.
    private static string? Verdict(JsonObject report, IReadOnlyList<string> roles, string result, string metric)
    {
        double? Of(string role, string state) =>
            roles.Contains(role) ? Json.Number(Json.Object(report[role], metric), state) : null;
        var measures = Measures.Of(report);
        if (Of(result, "best") is not { } best || !measures.IsShare(metric))
            return null;
        var text = $"{Label(result, result, roles.Contains("teacher"))}: {measures.Text(metric, best)}";
        if (Of("baseline", "best") is { } alone)
            text += $", {Points(best - alone)} the same student alone";
        if (result != "teacher" && Of("teacher", "best") is { } teacher)
            text += $"{(Of("baseline", "best") is null ? "," : " and")} {Points(best - teacher)} its teacher";
        return char.ToUpperInvariant(text[0]) + text[1..] + ".";
    }

    private static string Points(double share)
    {
        var points = Math.Abs(100 * share).ToString("0.00", CultureInfo.InvariantCulture);
        return $"{points} points {(share >= 0 ? "above" : "below")}";
    }

    private static string BestEpochs(JsonObject role)
    {
        var each = role["seeds"] is JsonArray seeds
            ? seeds.Select(s => Json.Number(s, "best_epoch")).ToList()
            : [Json.Number(role, "best_epoch")];
        return string.Join(", ", each.Select(e => e is { } epoch ? Count(epoch) : "last"));
    }

    private static XElement AllMetrics(JsonObject report, IReadOnlyList<string> roles)
    {
        var measures = Measures.Of(report);
        return Table(
            "Every metric of every network.",
            ["role", "metric", "last", "best on validation"],
            roles.SelectMany(role =>
                report[role]!
                    .AsObject()
                    .Where(e => e.Value is JsonObject pair && pair.ContainsKey("last"))
                    .Select(e =>
                        (IReadOnlyList<object>)
                            [
                                role,
                                e.Key.Replace('_', ' '),
                                ResultTable.Value(measures, report[role]!.AsObject(), e.Key, "last"),
                                ResultTable.Value(measures, report[role]!.AsObject(), e.Key, "best"),
                            ]
                    )
            ),
            "facts numbers"
        );
    }

    private static string Count(double? number) => number?.ToString("#,0", CultureInfo.InvariantCulture) ?? "";
}
