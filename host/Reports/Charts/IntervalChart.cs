using System.Xml.Linq;
using static KdPlugins.Host.Texts.Html;

namespace KdPlugins.Host.Reports.Charts;

/// <summary>A row of an interval chart.</summary>
/// <param name="Name">At its left.</param>
/// <param name="Points">Each number, with what it is of.</param>
/// <param name="Mean">Their mean; null where there is none.</param>
/// <param name="Low">The interval's lower end; null where there is none.</param>
/// <param name="High">Its upper end.</param>
internal sealed record IntervalRow(
    string Name,
    IReadOnlyList<(string Of, double Value)> Points,
    double? Mean,
    double? Low,
    double? High
);

/// <summary>Rows of points with their mean and an interval about it, over one axis, as an SVG picture.</summary>
/// <param name="Title">What is shown.</param>
/// <param name="XName">What runs to the right.</param>
/// <param name="Rows">From the top.</param>
/// <param name="Text">A number as people read it.</param>
internal sealed record IntervalChart(
    string Title,
    string XName,
    IReadOnlyList<IntervalRow> Rows,
    Func<double, string> Text
)
{
    /// <summary>What the numbers on the axis are multiplied by: 100 for shares.</summary>
    internal double Factor { get; init; } = 1;

    /// <summary>Whether a line is drawn at 0, which is then within the axis.</summary>
    internal bool HasZero { get; init; }

    private const double Width = 560;
    private const double Left = 190;
    private const double Right = 24;
    private const double Top = 8;
    private const double RowHeight = 34;
    private const double Bottom = 40;
    private const int MostLetters = 30;

    /// <summary>The picture with its title; null where there is no number.</summary>
    internal XElement? Draw()
    {
        var ends = Rows.SelectMany(r => r.Points.Select(p => p.Value))
            .Concat(Rows.SelectMany(r => (double?[])[r.Low, r.High]).OfType<double>())
            .Where(double.IsFinite)
            .Select(v => v * Factor)
            .ToList();
        if (ends.Count == 0)
            return null;
        if (HasZero)
            ends.Add(0);
        var height = Top + RowHeight * Rows.Count + Bottom;
        var x = new Axis(ends.Min(), ends.Max(), Left, Width - Right, false);
        return E(
            "figure",
            Class("chart"),
            E("figcaption", E("strong", Title)),
            E(
                "svg",
                Class("plot"),
                A("viewBox", $"0 0 {N(Width)} {N(height)}"),
                A("role", "img"),
                A("aria-label", $"{Title}: {string.Join("; ", Rows.Select(Described))}."),
                Marks(x, height),
                Rows.Select((row, i) => Row(row, x, Top + RowHeight * (i + 0.5)))
            )
        );
    }

    private string Described(IntervalRow row) =>
        row.Mean is not { } mean ? $"{row.Name} has no number"
        : row.Low is { } low && row.High is { } high ? $"{row.Name} {Text(mean)}, from {Text(low)} to {Text(high)}"
        : $"{row.Name} {Text(mean)}";

    private IEnumerable<XElement> Marks(Axis x, double height)
    {
        var floor = height - Bottom;
        foreach (var mark in x.Marks(5))
        {
            yield return E(
                "line",
                Class("grid"),
                A("x1", x.At(mark)),
                A("x2", x.At(mark)),
                A("y1", Top),
                A("y2", floor)
            );
            yield return E(
                "text",
                Class("mark x"),
                A("x", x.At(mark)),
                A("y", floor + 17),
                Axis.Text(Math.Round(mark, 6))
            );
        }
        if (HasZero)
            yield return E("line", Class("axis"), A("x1", x.At(0)), A("x2", x.At(0)), A("y1", Top), A("y2", floor));
        yield return E("text", Class("mark x"), A("x", (Left + Width - Right) / 2), A("y", height - 6), XName);
    }

    private XElement Row(IntervalRow row, Axis x, double y)
    {
        var name = row.Name.Length <= MostLetters ? row.Name : row.Name[..(MostLetters - 3)] + "...";
        var group = E(
            "g",
            Class("curve interval c0"),
            E("text", Class("mark y"), A("x", Left - 12), A("y", y + 4), name)
        );
        if (row.Low is { } low && row.High is { } high)
        {
            var (from, to) = (x.At(low * Factor), x.At(high * Factor));
            group.Add(
                E(
                    "path",
                    A("d", $"M{N(from)} {N(y)}H{N(to)}M{N(from)} {N(y - 5)}V{N(y + 5)}M{N(to)} {N(y - 5)}V{N(y + 5)}"),
                    E("title", $"{row.Name}: 95 % interval from {Text(low)} to {Text(high)}")
                )
            );
        }
        foreach (var (of, value) in row.Points.Where(p => double.IsFinite(p.Value)))
            group.Add(
                E(
                    "circle",
                    Class("one"),
                    A("cx", x.At(value * Factor)),
                    A("cy", y + 9),
                    A("r", 2.5),
                    E("title", $"{row.Name}, {of}: {Text(value)}")
                )
            );
        if (row.Mean is { } mean)
            group.Add(
                E(
                    "circle",
                    A("cx", x.At(mean * Factor)),
                    A("cy", y),
                    A("r", 4),
                    E("title", $"{row.Name}: mean {Text(mean)}")
                )
            );
        return group;
    }
}
