using System.Globalization;
using System.Text;
using KdPlugins.Core;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Texts;

namespace KdPlugins.Host.Commands.Study;

/// <summary>A study's results as text: for the terminal, and as Markdown for a README.</summary>
internal static class StudyText
{
    internal static string Number(bool isShare, double value) => Measures.Text(isShare, value);

    /// <summary>A difference with its sign: shares in points.</summary>
    internal static string Difference(bool isShare, double value) =>
        isShare
            ? string.Create(CultureInfo.InvariantCulture, $"{100 * value:+0.00;-0.00;0.00} points")
            : string.Create(CultureInfo.InvariantCulture, $"{value:+0.####;-0.####;0}");

    internal static string Verdict(StudyVerdict verdict) =>
        verdict switch
        {
            StudyVerdict.Holds => "holds",
            StudyVerdict.Not => "not",
            _ => "undecided",
        };

    internal static string Level(double? level) => level?.ToString("R", CultureInfo.InvariantCulture) ?? "";

    /// <summary>Mean and deviation, such as "43.03 ± 2.10 %".</summary>
    internal static string Mean(bool isShare, StudySummary summary) =>
        summary.Count == 0 ? ""
        : summary.Deviation is not { } deviation ? Number(isShare, summary.Mean)
        : isShare ? string.Create(CultureInfo.InvariantCulture, $"{100 * summary.Mean:0.00} ± {100 * deviation:0.00} %")
        : $"{Number(false, summary.Mean)} ± {Number(false, deviation)}";

    /// <summary>The interval, such as "[-0.12, 3.40]"; shares in points.</summary>
    internal static string Interval(bool isShare, StudySummary summary)
    {
        if (summary.Low is not { } low || summary.High is not { } high)
            return "none";
        var factor = isShare ? 100 : 1;
        var form = isShare ? "0.00" : "0.####";
        string Of(double value) => (factor * value).ToString(form, CultureInfo.InvariantCulture);
        return $"[{Of(low)}, {Of(high)}]";
    }

    /// <summary>The interval of an arm, with its unit.</summary>
    internal static string ArmInterval(bool isShare, StudySummary summary) =>
        Interval(isShare, summary) + (isShare && summary.Low is not null ? " %" : "");

    /// <summary>Every arm's numbers in a line.</summary>
    internal static string Line(StudyReport report)
    {
        var measure = report.Study.Measures[0].Name;
        var isShare = report.Values.IsShare(measure);
        var arms = report
            .Results.Arms.Where(a => a.Measure == measure && a.Summary.Count > 0)
            .Select(a => $"{Name(report, a.Arm, a.Level)} {Number(isShare, a.Summary.Mean)} ({a.Summary.Count})");
        var claims = report
            .Results.Claims.Where(c => c.Summary.Count > 0)
            .Select(c =>
                $"{c.Claim.Above} - {c.Claim.Below}{At(report, c.Level)} "
                + $"{Difference(report.Values.IsShare(c.Claim.Measure), c.Summary.Mean)} ({c.Summary.Count})"
            );
        return string.Join("; ", ((string[])[string.Join(", ", arms), .. claims]).Where(t => t.Length > 0));
    }

    /// <summary>The tables for a terminal.</summary>
    internal static string Tables(StudyReport report)
    {
        var text = new StringBuilder();
        foreach (var measure in report.Study.Measures)
        {
            var isShare = report.Values.IsShare(measure.Name);
            var table = new TextTable(
                "arm",
                $"{report.Values.Label(measure)}, {measure.State}",
                "95 %",
                "seeds",
                "time"
            );
            foreach (var arm in report.Results.Arms.Where(a => a.Measure == measure.Name))
                table.Add(
                    Name(report, arm.Arm, arm.Level),
                    Mean(isShare, arm.Summary),
                    ArmInterval(isShare, arm.Summary),
                    string.Join(", ", arm.Values.Select(v => v.Key)),
                    Time(report, arm.Arm, arm.Level)
                );
            text.AppendLine(table.ToString()).AppendLine();
        }
        if (report.Results.Claims.Count > 0)
        {
            var claims = new TextTable("claim", "difference", "95 %", "pairs", "verdict");
            foreach (var claim in report.Results.Claims)
                claims.Add(
                    claim.Claim.Name + At(report, claim.Level),
                    Mean(report, claim),
                    Interval(report.Values.IsShare(claim.Claim.Measure), claim.Summary),
                    $"{claim.Summary.Count}",
                    Verdict(claim.Verdict)
                );
            text.AppendLine(claims.ToString()).AppendLine();
        }
        foreach (var note in report.Notes)
            text.AppendLine(note);
        return text.ToString().TrimEnd();
    }

    /// <summary>study.md.</summary>
    internal static string Markdown(StudyReport report)
    {
        var text = new StringBuilder();
        foreach (var measure in report.Study.Measures)
        {
            var isShare = report.Values.IsShare(measure.Name);
            Row(text, "arm", $"{report.Values.Label(measure)}, {measure.State}", "of each seed", "mean time of a run");
            text.AppendLine("|---|---|---|---|");
            foreach (var arm in report.Results.Arms.Where(a => a.Measure == measure.Name))
                Row(
                    text,
                    Described(report, arm),
                    Mean(isShare, arm.Summary) is { Length: > 0 } mean ? mean : "not run",
                    string.Join(", ", arm.Values.Select(v => Number(isShare, v.Value))),
                    Time(report, arm.Arm, arm.Level)
                );
            text.AppendLine();
        }
        if (report.Results.Claims.Count > 0)
        {
            Row(text, "claim", "difference, paired by seed", "95 % interval", "pairs", "verdict");
            text.AppendLine("|---|---|---|---|---|");
            foreach (var claim in report.Results.Claims)
                Row(
                    text,
                    claim.Claim.Name + At(report, claim.Level),
                    Mean(report, claim),
                    Interval(report.Values.IsShare(claim.Claim.Measure), claim.Summary),
                    $"{claim.Summary.Count}",
                    Verdict(claim.Verdict)
                );
            text.AppendLine().AppendLine(Explanation(report));
        }
        foreach (var note in report.Notes)
            text.AppendLine().AppendLine(Escaped(note));
        return text.ToString();
    }

    /// <summary>What the intervals are.</summary>
    internal static string Explanation(StudyReport report)
    {
        var count = report.Results.Claims.Count;
        var several =
            count > 1 ? $" Each of the {count} intervals is at 95 % by itself, not all of them together." : "";
        return "Seeds "
            + string.Join(", ", report.Study.Seeds)
            + "; mean and standard deviation. A claim holds where Student's "
            + $"95 % interval of the differences, paired by seed, is above 0, and does not where it is below.{several}";
    }

    /// <summary>An arm at a level.</summary>
    internal static string Name(StudyReport report, string arm, double? level) => arm + At(report, level);

    /// <summary>A difference with its deviation.</summary>
    internal static string Mean(StudyReport report, StudyClaimResult claim)
    {
        if (claim.Summary.Count == 0)
            return "no pair";
        var isShare = report.Values.IsShare(claim.Claim.Measure);
        var text = Difference(isShare, claim.Summary.Mean);
        return claim.Summary.Deviation is { } deviation
            ? isShare
                ? string.Create(
                    CultureInfo.InvariantCulture,
                    $"{100 * claim.Summary.Mean:+0.00;-0.00;0.00} ± {100 * deviation:0.00} points"
                )
                : $"{text} ± {Number(false, deviation)}"
            : text;
    }

    /// <summary>How long a run of an arm takes, on average; empty where none is done.</summary>
    internal static string Time(StudyReport report, string arm, double? level)
    {
        var runsOf = report.Study.Arms.First(a => a.Name == arm).RunsOf;
        var seconds = report
            .Runs.Where(r => r.Plan.Arm == runsOf && Nullable.Equals(r.Plan.Level, level))
            .Select(r => Json.Number(r.Report, "seconds"))
            .OfType<double>()
            .ToList();
        return seconds.Count == 0 ? "" : RunText.Duration(TimeSpan.FromSeconds(seconds.Average()));
    }

    private static string At(StudyReport report, double? level) =>
        level is null ? "" : $" at {report.Study.SweepName} {Level(level)}";

    private static string Described(StudyReport report, StudyArmResult result)
    {
        var arm = report.Study.Arms.First(a => a.Name == result.Arm);
        var name = $"`{arm.Name}`{At(report, result.Level)}";
        return arm.Description.Length > 0 ? $"{arm.Description.TrimEnd('.')} ({name})" : name;
    }

    private static void Row(StringBuilder text, params string[] cells) =>
        text.AppendLine($"| {string.Join(" | ", cells.Select(c => Escaped(c).Replace("|", "\\|")))} |");

    private static string Escaped(string text) => text.ReplaceLineEndings(" ").Replace("<", "&lt;");
}
