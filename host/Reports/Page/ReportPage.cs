using System.Xml.Linq;
using KdPlugins.Core;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Texts;
using static KdPlugins.Host.Texts.Html;

namespace KdPlugins.Host.Reports.Page;

/// <summary>A run as one page that needs nothing but itself: no script, no font, no address outside.</summary>
internal static class ReportPage
{
    internal const string FileName = "report.html";

    /// <summary>The page's text.</summary>
    internal static string Make(RunMaterial run)
    {
        return PageFrame.Make(
            $"{run.Name}: report",
            [E("h1", run.Name), E("p", Class("quiet"), Subtitle(run)), State(run)],
            Sections(run)
        );
    }

    private static IEnumerable<(string Id, string Title, IReadOnlyList<XElement?> Content)> Sections(RunMaterial run)
    {
        yield return ("result", "Result", [.. HeadlineSection.Make(run), CurvesSection.Overview(run)]);
        yield return ("curves", "Course of the training", [.. Curves(run)]);
        var samples = run.Samples ?? run.Seeds.FirstOrDefault()?.Samples;
        yield return ("samples", "Training images", [.. SamplesSection.Make(samples, run.ClassNames)]);
        yield return ("confusion", "Confusions", [.. ConfusionSection.Make(run)]);
        yield return ("details", "Evaluation in detail", [.. DrawingSection.Make(run)]);
        var sets = run.Seeds.SelectMany(s => s.DataSets).Concat(run.DataSets).ToList();
        for (var i = 0; i < sets.Count; i++)
            yield return ($"data-{i + 1}", $"Data set {sets[i].Name}", [.. DataSetSection.Make(sets[i], run.Folder)]);
        yield return ("timing", "Timing", [FactSections.Timing(run.Report)]);
        yield return ("provenance", "Provenance", [.. FactSections.Provenance(run)]);
        yield return ("history", "History", [FactSections.History(run)]);
    }

    private static IEnumerable<XElement> Curves(RunMaterial run)
    {
        if (run.Seeds.Count == 0)
        {
            var stages = CurvesSection.Stages(run.History, Measures.Of(run.Facts)).ToList();
            return stages.Count > 0 ? stages : [E("p", Class("quiet"), "The run has recorded no numbers yet.")];
        }
        return
        [
            E("p", "Each seed has a page of its own with its curves:"),
            E(
                "ul",
                run.Seeds.Select(s => Path.GetFileName(s.Folder))
                    .Select(name => E("li", E("a", A("href", $"{name}/{FileName}"), name.Replace('-', ' '))))
            ),
        ];
    }

    private static string Subtitle(RunMaterial run)
    {
        var method = Json.Text(run.Facts, "method");
        var seeds = run.Seeds.Count > 0 ? $"{run.Seeds.Count} seeds" : null;
        var data = Json.Object(run.Facts, "data");
        var classes = Json.Number(data, "classes") is { } c and > 0 ? $"{Text.Number(c)} classes" : null;
        var train = Json.Number(Json.Object(data, "samples"), "train") is { } n
            ? $"{Text.Number(n)} training samples"
            : null;
        string?[] parts = [method is null ? null : $"method {method}", seeds, classes, train];
        return string.Join(" · ", parts.Where(p => p is not null));
    }

    // A page of a run that is not complete says so before anything else.
    private static XElement? State(RunMaterial run)
    {
        if (run.Status?.State == RunState.Done && run.Report is not null)
            return null;
        var state = run.Status?.State switch
        {
            RunState.Running when RunFolder.IsHeld(run.Folder) => "The run is going on.",
            RunState.Running => "The process of this run is gone; kd resume goes on with it.",
            RunState.Stopped => "The run was stopped; kd resume goes on with it.",
            RunState.Failed => "The run failed.",
            _ => "It is not known what became of this run.",
        };
        var last = run.History.Events.LastOrDefault(e => e.Step is not null);
        var position = last is null ? null : $" Its last record is of step {last.Step}, stage {last.Stage}.";
        var message = run.Status?.State == RunState.Failed ? run.Status.Message : "";
        return E("div", Class("state"), E("p", state + position), message.Length > 0 ? E("p", message) : null);
    }
}
