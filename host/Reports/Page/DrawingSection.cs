using System.Globalization;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using KdPlugins.Core;
using KdPlugins.Host.Reports.Charts;
using KdPlugins.Host.Reports.Images;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Texts;
using static KdPlugins.Host.Texts.Html;

namespace KdPlugins.Host.Reports.Page;

/// <summary>What meters draw beside their numbers: bars by class, curves, and pictures. Matrices have a section of their own.</summary>
internal static class DrawingSection
{
    private const int MostBars = 100;
    private const int MostSide = 512;
    private const int MostRows = 16;

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
            "pictures" => Pictures(role, drawing),
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

    // Null where the file says something else than it should.
    private static XElement? Pictures(string role, JsonObject drawing)
    {
        var (width, height) = (Json.Number(drawing, "width") ?? 0, Json.Number(drawing, "height") ?? 0);
        var columns = Json.Texts(drawing, "columns");
        if (width is not (>= 1 and <= MostSide) || height is not (>= 1 and <= MostSide))
            return null;
        if (drawing["rows"] is not JsonArray rows || columns.Count == 0)
            return null;
        return E(
            "div",
            Class("scroll"),
            E(
                "table",
                Class("samples"),
                E("caption", $"{role}, best state: {Title(drawing)}."),
                E("thead", E("tr", columns.Select(c => E("th", A("scope", "col"), c)))),
                E("tbody", rows.Take(MostRows).OfType<JsonArray>().Select((row, i) => Row(row, i)))
            )
        );

        XElement Row(JsonArray row, int number) =>
            E(
                "tr",
                row.Take(columns.Count).Select((cell, i) => E("td", Cell(cell, $"Sample {number + 1}, {columns[i]}")))
            );

        XElement? Cell(JsonNode? cell, string alt)
        {
            var raster = new Raster((int)width, (int)height);
            var bytes = new byte[3 * raster.Width * raster.Height];
            if (
                cell is not JsonValue value
                || !value.TryGetValue<string>(out var text)
                || !Convert.TryFromBase64String(text, bytes, out var count)
                || count != bytes.Length
            )
                return null;
            for (var p = 0; p < bytes.Length / 3; p++)
                raster.Set(
                    p % raster.Width,
                    p / raster.Width,
                    (bytes[3 * p], bytes[3 * p + 1], bytes[3 * p + 2], byte.MaxValue)
                );
            return Picture(Png.DataUri(raster), alt, raster.Width, raster.Height, "pixels");
        }
    }

    private static IReadOnlyList<(double X, double Y)> Points(JsonNode? line) =>
        [.. Numbers(line, "x").Zip(Numbers(line, "y")).Where(p => double.IsFinite(p.First))];

    private static List<double> Numbers(JsonNode? node, string key) =>
        (node as JsonObject)?[key] is JsonArray all ? [.. all.Select(n => Json.Number(n) ?? double.NaN)] : [];

    private static bool IsShare(JsonObject drawing) => Json.Text(drawing, "unit") == MeterValue.Share;

    private static string Title(JsonObject drawing) => Json.Text(drawing, "title") ?? Json.Text(drawing, "name") ?? "";
}
