using System.Globalization;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using KdPlugins.Host.Reports.Images;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Texts;
using static KdPlugins.Host.Texts.Html;

namespace KdPlugins.Host.Reports.Page;

/// <summary>
/// Which classes are taken for which: a table with names while that can be read, else a picture, and in any case the
/// most frequent confusions.
/// </summary>
internal static class ConfusionSection
{
    private const int MostInTable = 24;
    private const int MostInPicture = 2000;
    private const int Worst = 10;

    internal static IEnumerable<XElement> Make(RunMaterial run)
    {
        var roles = run.Report is null ? [] : ResultTable.Roles(run.Report);
        var result = Json.Text(run.Report, "result");
        var shown = 0;
        foreach (var role in roles.OrderBy(r => r == result ? 0 : 1))
        {
            var matrices = Matrices(Json.Object(run.Report, role)).ToList();
            if (matrices.Count == 0)
                continue;
            var name = HeadlineSection.Label(role, result ?? "", roles.Contains("teacher"));
            object?[] content =
            [
                .. matrices.SelectMany(m =>
                    (object?[])[Matrix(name, m, run.ClassNames), Frequent(name, m, run.ClassNames)]
                ),
            ];
            yield return shown++ == 0 ? E("div", E("h3", name), content) : Details(name, content);
        }
        if (shown == 0)
            yield return E("p", Class("quiet"), "No network of this run was measured by classes.");
    }

    // What meters say is a matrix; in runs from before there were meters, whatever is one.
    private static IEnumerable<long[][]> Matrices(JsonObject? role)
    {
        var counts = role?["drawings"] is JsonArray drawings
            ? drawings
                .Where(d => Json.Text(d, "kind") == "matrix")
                .Select(d => d!["counts"] ?? (Json.Text(d, "name") is { } name ? role[name] : null))
            : role?.Select(e => e.Value) ?? [];
        return counts.Select(Counts).OfType<long[][]>();
    }

    // Rows are true classes; null where there is no square of counts.
    private static long[][]? Counts(JsonNode? node)
    {
        if (node is not JsonArray rows || rows.Count is 0 or > MostInPicture)
            return null;
        var counts = rows.Select(row =>
                row is JsonArray cells ? cells.Select(c => (long)(Json.Number(c) ?? -1)).ToArray() : []
            )
            .ToArray();
        return counts.All(row => row.Length == counts.Length && row.All(n => n >= 0)) ? counts : null;
    }

    private static XElement Matrix(string role, long[][] counts, IReadOnlyList<string> names) =>
        counts.Length <= MostInTable ? InTable(role, counts, names) : InPicture(role, counts);

    private static XElement InTable(string role, long[][] counts, IReadOnlyList<string> names) =>
        E(
            "div",
            Class("scroll"),
            E(
                "table",
                Class("confusion"),
                E(
                    "caption",
                    $"{role}, best state: rows are true classes, columns what the network said. The last column is the share that was right."
                ),
                E(
                    "thead",
                    E(
                        "tr",
                        E("td"),
                        counts.Select((_, c) => E("th", A("scope", "col"), SamplesSection.Name(c, names))),
                        E("th", A("scope", "col"), "right")
                    )
                ),
                E("tbody", counts.Select((row, c) => Row(row, c, names)))
            )
        );

    private static XElement Row(long[] row, int truth, IReadOnlyList<string> names)
    {
        var total = row.Sum();
        return E(
            "tr",
            E("th", A("scope", "row"), SamplesSection.Name(truth, names)),
            row.Select(
                (n, said) =>
                {
                    var share = total == 0 ? 0 : (double)n / total;
                    var style = (said == truth ? "right" : "") + (share > 0.55 ? " strong" : "");
                    return E(
                        "td",
                        style.Length == 0 ? null : Class(style.Trim()),
                        n == 0 ? null : A("style", $"--v:{share.ToString("0.00", CultureInfo.InvariantCulture)}"),
                        n.ToString(CultureInfo.InvariantCulture)
                    );
                }
            ),
            E("td", Class("share"), total == 0 ? "" : Text.Percent((double)row[truth] / total))
        );
    }

    // One hue whose opacity is the share of the row: it fits a light page and a dark one.
    private static XElement InPicture(string role, long[][] counts)
    {
        var picture = new Raster(counts.Length, counts.Length);
        for (var truth = 0; truth < counts.Length; truth++)
        for (var said = 0; said < counts.Length; said++)
        {
            var total = Math.Max(1, counts[truth].Sum());
            // The root, so that rare confusions are seen.
            var level = Math.Sqrt((double)counts[truth][said] / total);
            picture.Set(said, truth, (64, 144, 214, (byte)Math.Round(255 * level)));
        }
        var scale = Math.Max(1, 480 / counts.Length);
        var alt =
            $"Confusion matrix of {role} over {counts.Length} classes; the most frequent confusions are in the table below.";
        return E(
            "figure",
            Class("chart"),
            E(
                "figcaption",
                $"{role}, best state: rows are true classes, columns what the network said, darker is more."
            ),
            Picture(Png.DataUri(picture), alt, counts.Length * scale, counts.Length * scale, "pixels")
        );
    }

    private static XElement? Frequent(string role, long[][] counts, IReadOnlyList<string> names)
    {
        var worst = counts
            .SelectMany((row, truth) => row.Select((n, said) => (Truth: truth, Said: said, Count: n, Total: row.Sum())))
            .Where(c => c.Truth != c.Said && c.Count > 0)
            .OrderByDescending(c => c.Count)
            .ThenBy(c => c.Truth)
            .Take(Worst)
            .ToList();
        return worst.Count == 0
            ? null
            : Table(
                $"The most frequent confusions of {role}.",
                ["true class", "taken for", "samples", "share of the class"],
                worst.Select(c =>
                    (IReadOnlyList<object>)
                        [
                            SamplesSection.Name(c.Truth, names),
                            SamplesSection.Name(c.Said, names),
                            c.Count.ToString(CultureInfo.InvariantCulture),
                            Text.Percent((double)c.Count / c.Total)!,
                        ]
                ),
                "facts numbers"
            );
    }
}
