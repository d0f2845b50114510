using System.Globalization;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using KdPlugins.Core;
using KdPlugins.Host.Reports.Charts;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Texts;
using static KdPlugins.Host.Texts.Html;

namespace KdPlugins.Host.Reports.Page;

/// <summary>What meters draw beside their numbers: bars by class and curves. Matrices have a section of their own.</summary>
internal static class DrawingSection
{
    private const int MostBars = 100;

    internal static IEnumerable<XElement> Make(RunMaterial run)
    {
        var roles = run.Report is null ? [] : ResultTable.Roles(run.Report);
        var result = Json.Text(run.Report, "result");
        var isFirst = true;
        foreach (var role in roles.OrderBy(r => r == result ? 0 : 1))
        {
            var name = HeadlineSection.Label(role, result ?? "", roles.Contains("teacher"));
            var drawn = Json.Object(run.Report, role)?["drawings"] is JsonArray all
                ? all.OfType<JsonObject>().Select(d => Draw(name, d)).OfType<XElement>().ToList()
                : [];
            if (drawn.Count == 0)
                continue;
            yield return isFirst ? E("div", E("h3", name), drawn) : Details(name, drawn);
            isFirst = false;
        }
    }

    private static XElement? Draw(string role, JsonObject drawing) =>
        Json.Text(drawing, "kind") switch
        {
            "bars" => Bars(role, drawing),
            "curve" => Curve(role, drawing),
            _ => null,
        };

    private static XElement? Bars(string role, JsonObject drawing)
    {
        var labels = Json.Texts(drawing, "labels");
        var values = Numbers(drawing, "values");
        if (values.Count == 0 || labels.Count != values.Count)
            return null;
        var isShare = IsShare(drawing);
        var most = isShare ? 1 : values.Where(double.IsFinite).DefaultIfEmpty(0).Max();
        var rows = values.Select((value, i) => (Label: labels[i], Value: value)).ToList();
        // Of very many classes the lowest say most.
        var shown =
            rows.Count <= MostBars
                ? rows
                : [.. rows.Where(r => double.IsFinite(r.Value)).OrderBy(r => r.Value).Take(MostBars)];
        var which = shown.Count < rows.Count ? $", the {shown.Count} lowest of {rows.Count}" : "";
        return Table(
            $"{role}, best state: {Title(drawing)}{which}.",
            ["class", Json.Text(drawing, "unit") is { Length: > 0 } unit ? unit : "value", "as a bar"],
            shown.Select(row =>
                (IReadOnlyList<object>)
                    [
                        row.Label,
                        double.IsFinite(row.Value) ? Measures.Text(isShare, row.Value) : "–",
                        Bar(most > 0 ? row.Value / most : 0),
                    ]
            ),
            "facts numbers bars"
        );
    }

    private static XElement Bar(double share)
    {
        var width = double.IsFinite(share) ? Math.Clamp(100 * share, 0, 100) : 0;
        return E("span", Class("bar"), A("style", $"width:{width.ToString("0.0", CultureInfo.InvariantCulture)}%"));
    }

    private static XElement? Curve(string role, JsonObject drawing)
    {
        if (drawing["lines"] is not JsonArray lines)
            return null;
        var curves = lines.Select((line, i) => new Curve(Json.Text(line, "name") ?? "", Points(line), i)).ToList();
        var title = $"{role}: {Title(drawing)}, {Json.Text(drawing, "y") ?? "value"}";
        return new LineChart(title, Json.Text(drawing, "x") ?? "", IsShare(drawing), curves)
        {
            MayBeLog = false,
        }.Draw();
    }

    private static IReadOnlyList<(double X, double Y)> Points(JsonNode? line) =>
        [.. Numbers(line, "x").Zip(Numbers(line, "y")).Where(p => double.IsFinite(p.First))];

    private static List<double> Numbers(JsonNode? node, string key) =>
        (node as JsonObject)?[key] is JsonArray all ? [.. all.Select(n => Json.Number(n) ?? double.NaN)] : [];

    private static bool IsShare(JsonObject drawing) => Json.Text(drawing, "unit") == MeterValue.Share;

    private static string Title(JsonObject drawing) => Json.Text(drawing, "title") ?? Json.Text(drawing, "name") ?? "";
}
