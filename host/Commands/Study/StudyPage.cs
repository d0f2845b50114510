using System.Xml.Linq;
using KdPlugins.Core;
using KdPlugins.Host.Reports.Charts;
using KdPlugins.Host.Reports.Page;
using KdPlugins.Host.Texts;
using static KdPlugins.Host.Texts.Html;

namespace KdPlugins.Host.Commands.Study;

/// <summary>study.html: tables, every arm's numbers, the claims' differences, and these along the sweep.</summary>
internal static class StudyPage
{
    /// <summary>The page's text.</summary>
    internal static string Make(StudyReport report)
    {
        var study = report.Study;
        var done = report.Runs.Count(r => r.State == StudyRunState.Done);
        return PageFrame.Make(
            $"{study.Name}: study",
            [
                E("h1", study.Name),
                E(
                    "p",
                    Class("quiet"),
                    $"{study.Arms.Count} arms, {study.Seeds.Count} seeds, {done} of {report.Runs.Count} runs are done"
                ),
                study.Description.Length > 0 ? E("p", study.Description) : null,
                report.Notes.Count > 0 ? E("div", Class("state"), report.Notes.Select(n => E("p", n))) : null,
            ],
            [
                ("claims", "What was expected", [.. Claims(report)]),
                ("arms", "Arms", [.. study.Measures.SelectMany(m => Arms(report, m))]),
                ("sweep", $"Along {study.SweepName}", [.. Trends(report)]),
                ("runs", "Runs", [Runs(report)]),
            ]
        );
    }

    private static IEnumerable<XElement?> Claims(StudyReport report)
    {
        var claims = report.Results.Claims;
        if (claims.Count == 0)
            yield break;
        yield return Table(
            StudyText.Explanation(report),
            ["claim", "difference", "95 % interval", "pairs", "verdict", "expected"],
            claims.Select(c =>
                (IReadOnlyList<object>)
                    [
                        Name(report, c),
                        StudyText.Mean(report, c),
                        StudyText.Interval(report.Values.IsShare(c.Claim.Measure), c.Summary),
                        $"{c.Summary.Count}",
                        StudyText.Verdict(c.Verdict),
                        c.Claim.Expected,
                    ]
            )
        );
        // Differences of several measures have no axis in common.
        foreach (var group in claims.GroupBy(c => c.Claim.Measure))
        {
            var isShare = report.Values.IsShare(group.Key);
            yield return new IntervalChart(
                $"Differences of {Label(report, group.Key)}, paired by seed, with 95 % intervals",
                isShare ? "points" : "difference",
                [
                    .. group.Select(c => new IntervalRow(
                        Name(report, c),
                        Points(c.Differences),
                        c.Summary.Count > 0 ? c.Summary.Mean : null,
                        c.Summary.Low,
                        c.Summary.High
                    )),
                ],
                value => StudyText.Difference(isShare, value)
            )
            {
                Factor = isShare ? 100 : 1,
                HasZero = true,
            }.Draw();
        }
    }

    private static IEnumerable<XElement?> Arms(StudyReport report, StudyMeasure measure)
    {
        var isShare = report.Values.IsShare(measure.Name);
        var name = $"{report.Values.Label(measure)}, {measure.State}";
        var arms = report.Results.Arms.Where(a => a.Measure == measure.Name).ToList();
        yield return Table(
            "Mean and standard deviation over the seeds that are done; the interval is Student's at 95 %.",
            ["arm", name, "95 % interval", "of each seed", "mean time of a run", "what it is"],
            arms.Select(a =>
                (IReadOnlyList<object>)
                    [
                        StudyText.Name(report, a.Arm, a.Level),
                        StudyText.Mean(isShare, a.Summary) is { Length: > 0 } mean ? mean : "not run",
                        StudyText.ArmInterval(isShare, a.Summary),
                        string.Join(", ", a.Values.Select(v => report.Number(measure.Name, v.Value))),
                        StudyText.Time(report, a.Arm, a.Level),
                        report.Study.Arms.First(s => s.Name == a.Arm).Description,
                    ]
            )
        );
        yield return new IntervalChart(
            $"{name}: each seed, mean and 95 % interval",
            isShare ? $"{name} (%)" : name,
            [
                .. arms.Select(a => new IntervalRow(
                    StudyText.Name(report, a.Arm, a.Level),
                    Points(a.Values),
                    a.Summary.Count > 0 ? a.Summary.Mean : null,
                    a.Summary.Low,
                    a.Summary.High
                )),
            ],
            value => report.Number(measure.Name, value)
        )
        {
            Factor = isShare ? 100 : 1,
        }.Draw();
    }

    private static IEnumerable<XElement?> Trends(StudyReport report)
    {
        if (report.Study.SweepName is not { } axis)
            yield break;
        foreach (var measure in report.Study.Measures)
        {
            var isShare = report.Values.IsShare(measure.Name);
            var arms = report.Study.Arms.Select(
                (arm, i) =>
                    (
                        arm.Name,
                        Colour: i,
                        All: report.Results.Arms.Where(a => a.Arm == arm.Name && a.Measure == measure.Name)
                    )
            );
            yield return Trend(
                $"{report.Values.Label(measure)}, {measure.State}, of every arm",
                axis,
                isShare,
                false,
                arms.Select(a => (a.Name, a.Colour, a.All.Select(r => (r.Level, r.Summary))))
            );
            var claims = report.Study.Claims.Select(
                (claim, i) => (Claim: claim, Colour: i, All: report.Results.Claims.Where(c => c.Claim == claim))
            );
            yield return Trend(
                $"Differences of {report.Values.Label(measure)}, paired by seed",
                axis,
                isShare,
                true,
                claims
                    .Where(c => c.Claim.Measure == measure.Name)
                    .Select(c => (c.Claim.Name, c.Colour, c.All.Select(r => (r.Level, r.Summary))))
            );
        }
    }

    private static XElement? Trend(
        string title,
        string axis,
        bool isShare,
        bool hasZero,
        IEnumerable<(string Name, int Colour, IEnumerable<(double? Level, StudySummary Summary)> Rows)> all
    )
    {
        List<Curve> curves = [];
        List<Whisker> whiskers = [];
        foreach (var (name, colour, rows) in all)
        {
            var there = rows.Where(r => r.Level is not null && r.Summary.Count > 0).OrderBy(r => r.Level).ToList();
            curves.Add(new(name, [.. there.Select(r => (r.Level!.Value, r.Summary.Mean))], colour));
            foreach (var (level, summary) in there)
                if (summary.Low is { } low && summary.High is { } high)
                    whiskers.Add(new(level!.Value, low, high, colour));
        }
        return new LineChart($"{title}, with 95 % intervals", axis, isShare, curves)
        {
            MayBeLog = false,
            HasZero = hasZero,
            Whiskers = whiskers,
        }.Draw();
    }

    private static XElement Runs(StudyReport report) =>
        Table(
            "Each is a run like any other: kd report, kd compare and kd eval take its folder.",
            ["run", "state", "time", ""],
            report.Runs.Select(r =>
                (IReadOnlyList<object>)
                    [
                        r.State == StudyRunState.Done
                            ? E("a", A("href", Address(report.RelativeFolder(r))), r.Plan.Label)
                            : r.Plan.Label,
                        r.State.ToString().ToLowerInvariant(),
                        Json.Number(r.Report, "seconds") is { } s
                            ? KdPlugins.Host.Runs.RunText.Duration(TimeSpan.FromSeconds(s))
                            : "",
                        r.Message,
                    ]
            )
        );

    private static string Address(string folder) =>
        string.Join('/', folder.Split(Path.DirectorySeparatorChar).Select(Uri.EscapeDataString))
        + $"/{ReportPage.FileName}";

    private static IReadOnlyList<(string, double)> Points(IEnumerable<KeyValuePair<long, double>> pairs) =>
        [.. pairs.Select(p => ($"seed {p.Key}", p.Value))];

    private static string Name(StudyReport report, StudyClaimResult claim) =>
        StudyText.Name(report, claim.Claim.Name, claim.Level);

    private static string Label(StudyReport report, string measure) =>
        report.Values.Label(report.Study.Measures.First(m => m.Name == measure));
}
