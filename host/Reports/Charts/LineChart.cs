using System.Globalization;
using System.Text;
using System.Xml.Linq;
using KdPlugins.Host.Runs;
using static KdPlugins.Host.Texts.Html;

namespace KdPlugins.Host.Reports.Charts;

/// <summary>A curve.</summary>
/// <param name="Name">In the legend.</param>
/// <param name="Points">By x.</param>
/// <param name="Colour">Which of the palette's colours and dash patterns.</param>
/// <param name="IsFaint">Whether it stands behind the others and has no place in the legend.</param>
internal sealed record Curve(string Name, IReadOnlyList<(double X, double Y)> Points, int Colour, bool IsFaint = false);

/// <summary>An upright interval.</summary>
/// <param name="X">Where.</param>
/// <param name="Low">Its lower end.</param>
/// <param name="High">Its upper end.</param>
/// <param name="Colour">As that of its curve.</param>
internal sealed record Whisker(double X, double Low, double High, int Colour);

/// <summary>Curves over one axis as an SVG picture, told apart by colour and by dashes.</summary>
/// <param name="Title">What is shown.</param>
/// <param name="XName">What runs to the right.</param>
/// <param name="AsPercent">Whether values are shares.</param>
/// <param name="Curves">The curves.</param>
internal sealed record LineChart(string Title, string XName, bool AsPercent, IReadOnlyList<Curve> Curves)
{
    /// <summary>Whether values that span several powers of ten may be drawn by their logarithm.</summary>
    internal bool MayBeLog { get; init; } = true;

    /// <summary>Intervals about points of the curves.</summary>
    internal IReadOnlyList<Whisker> Whiskers { get; init; } = [];

    /// <summary>Whether a line is drawn at 0, which is then within the axis.</summary>
    internal bool HasZero { get; init; }

    /// <summary>The number of colours and dash patterns.</summary>
    internal const int Styles = 7;

    private const double Width = 560;
    private const double Height = 260;
    private const double Left = 62;
    private const double Right = 14;
    private const double Top = 10;
    private const double Bottom = 40;
    private const int MostPoints = 400;

    // Where positive values span more than this factor, equal distances are equal factors.
    private const double LogFrom = 50;

    /// <summary>The picture with title and legend; null where there is no finite point.</summary>
    internal XElement? Draw()
    {
        var finite = Curves.SelectMany(c => c.Points).Where(p => double.IsFinite(p.Y)).ToList();
        if (finite.Count == 0)
            return null;
        var ends = finite.Select(p => p.Y).Concat(Whiskers.SelectMany(w => (double[])[w.Low, w.High])).ToList();
        if (HasZero)
            ends.Add(0);
        var (least, most) = (ends.Min(), ends.Max());
        var isLog = MayBeLog && !AsPercent && least > 0 && most / least > LogFrom;
        var x = new Axis(finite.Min(p => p.X), finite.Max(p => p.X), Left, Width - Right, false);
        var y = new Axis(least, most, Height - Bottom, Top, isLog);
        var lost = Curves.Sum(c => c.Points.Count(p => !double.IsFinite(p.Y)));
        return E(
            "figure",
            Class("chart"),
            E("figcaption", E("strong", Title), isLog ? " (logarithmic)" : null),
            Picture(x, y, least, most),
            Legend(),
            lost > 0 ? E("p", Class("note"), $"{lost} values are not finite and are left out.") : null
        );
    }

    private XElement Picture(Axis x, Axis y, double least, double most) =>
        E(
            "svg",
            Class("plot"),
            A("viewBox", $"0 0 {N(Width)} {N(Height)}"),
            A("role", "img"),
            A("aria-label", Description(least, most)),
            Marks(x, y),
            HasZero
                ? E("line", Class("axis"), A("x1", Left), A("x2", Width - Right), A("y1", y.At(0)), A("y2", y.At(0)))
                : null,
            Whiskers.Select(w => Bar(w, x, y)),
            Curves.OrderBy(c => c.IsFaint ? 0 : 1).Select(c => Line(c, x, y))
        );

    private string Description(double least, double most)
    {
        var names = string.Join(", ", Curves.Where(c => !c.IsFaint).Select(c => $"{c.Name} ends at {Last(c)}"));
        return $"{Title}, from {Value(least)} to {Value(most)}, over {XName}: {names}.";
    }

    private string Last(Curve curve) => curve.Points.Count == 0 ? "nothing" : Value(curve.Points[^1].Y);

    private string Value(double value) =>
        AsPercent
            ? (100 * value).ToString("0.##", CultureInfo.InvariantCulture) + " %"
            : value.ToString("0.####", CultureInfo.InvariantCulture);

    private IEnumerable<XElement> Marks(Axis x, Axis y)
    {
        foreach (var mark in y.Marks(5))
        {
            yield return E(
                "line",
                Class("grid"),
                A("x1", Left),
                A("x2", Width - Right),
                A("y1", y.At(mark)),
                A("y2", y.At(mark))
            );
            var text = AsPercent ? Axis.Text(Math.Round(100 * mark, 6)) + " %" : Axis.Text(mark);
            yield return E("text", Class("mark y"), A("x", Left - 6), A("y", y.At(mark) + 4), text);
        }
        foreach (var mark in x.Marks(6))
        {
            yield return E(
                "line",
                Class("tick"),
                A("x1", x.At(mark)),
                A("x2", x.At(mark)),
                A("y1", Height - Bottom),
                A("y2", Height - Bottom + 4)
            );
            yield return E("text", Class("mark x"), A("x", x.At(mark)), A("y", Height - Bottom + 17), Axis.Text(mark));
        }
        yield return E(
            "line",
            Class("axis"),
            A("x1", Left),
            A("x2", Width - Right),
            A("y1", Height - Bottom),
            A("y2", Height - Bottom)
        );
        yield return E("text", Class("mark x"), A("x", (Left + Width - Right) / 2), A("y", Height - 6), XName);
    }

    private static XElement Bar(Whisker whisker, Axis x, Axis y)
    {
        var (at, low, high) = (x.At(whisker.X), y.At(whisker.Low), y.At(whisker.High));
        var path = $"M{N(at)} {N(low)}V{N(high)}M{N(at - 4)} {N(low)}H{N(at + 4)}M{N(at - 4)} {N(high)}H{N(at + 4)}";
        return E("g", Class($"curve whisker c{whisker.Colour % Styles}"), E("path", A("d", path)));
    }

    private XElement Line(Curve curve, Axis x, Axis y)
    {
        var style = $"curve c{curve.Colour % Styles}{(curve.IsFaint ? " faint" : "")}";
        var points = Thinned(curve.Points).Where(p => !y.IsLog || p.Y > 0 || !double.IsFinite(p.Y)).ToList();
        var group = E("g", Class(style), E("path", A("d", Path(points, x, y))));
        // Few points are marked, so that a single one is seen at all.
        if (!curve.IsFaint && points.Count <= 40)
            group.Add(
                points
                    .Where(p => double.IsFinite(p.Y))
                    .Select(p =>
                        E(
                            "circle",
                            A("cx", x.At(p.X)),
                            A("cy", y.At(p.Y)),
                            A("r", 2.5),
                            E("title", $"{curve.Name}: {Value(p.Y)} at {XName} {N(p.X)}")
                        )
                    )
            );
        return group;
    }

    // A value that is not finite breaks the line.
    private static string Path(IEnumerable<(double X, double Y)> points, Axis x, Axis y)
    {
        var path = new StringBuilder();
        var isOn = false;
        foreach (var point in points)
        {
            if (double.IsFinite(point.Y))
                path.Append(isOn ? 'L' : 'M').Append(N(x.At(point.X))).Append(' ').Append(N(y.At(point.Y)));
            isOn = double.IsFinite(point.Y);
        }
        return path.ToString();
    }

    // More points than pixels add nothing; what is not finite breaks the line, however many points there are.
    private static IEnumerable<(double X, double Y)> Thinned(IReadOnlyList<(double X, double Y)> points)
    {
        if (points.Count <= MostPoints)
            return points;
        var curve = new ThinnedCurve(MostPoints);
        foreach (var (x, y) in points)
            curve.Add(x, y);
        return curve
            .Points.Select(p => (p[0], p[1]))
            .Concat(points.Where(p => !double.IsFinite(p.Y)))
            .OrderBy(p => p.Item1);
    }

    private XElement Legend() =>
        E(
            "ul",
            Class("legend"),
            Curves
                .Where(c => !c.IsFaint)
                .Select(c =>
                    E(
                        "li",
                        E(
                            "svg",
                            A("viewBox", "0 0 28 10"),
                            A("aria-hidden", "true"),
                            E("g", Class($"curve c{c.Colour % Styles}"), E("path", A("d", "M1 5L27 5")))
                        ),
                        c.Name
                    )
                )
        );
}
