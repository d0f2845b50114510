using System.Xml.Linq;
using KdPlugins.Core;
using KdPlugins.Host.Reports.Charts;
using KdPlugins.Host.Runs;
using static KdPlugins.Host.Texts.Html;

namespace KdPlugins.Host.Reports.Page;

/// <summary>The course of a run, stage by stage, and of several seeds together.</summary>
internal static class CurvesSection
{
    private const string Rate = "lr.";
    private const int MostRows = 300;

    /// <summary>Validation of all roles over the steps of their stages; with several seeds their mean, each behind it.</summary>
    internal static XElement? Overview(RunMaterial run)
    {
        var histories = run.Seeds.Count > 0 ? run.Seeds.Select(s => s.History).ToList() : [run.History];
        var names = histories.SelectMany(h => h.Names("evaluation")).Distinct().ToList();
        var metric = Measures
            .Of(run.Facts)
            .All.FirstOrDefault(m => names.Any(n => n.EndsWith($".validation.{m.Name}", StringComparison.Ordinal)));
        if (metric is null)
            return null;
        var suffix = $".validation.{metric.Name}";
        List<Curve> curves = [];
        var order = run.Report is null ? [] : ResultTable.Roles(run.Report).ToList();
        var fitting = names.Where(n => n.EndsWith(suffix, StringComparison.Ordinal)).Order(StringComparer.Ordinal);
        // As in the table above.
        foreach (var name in fitting.OrderBy(n => order.IndexOf(n[..^suffix.Length])))
        {
            var role = name[..^suffix.Length];
            var each = histories.Select(h => InStage(h, name)).Where(c => c.Count > 0).ToList();
            var colour = curves.Count(c => !c.IsFaint);
            if (each.Count > 1)
                curves.AddRange(each.Select(points => new Curve(role, points, colour, IsFaint: true)));
            curves.Add(new(role, Mean(each), colour));
        }
        var title =
            $"Validation {metric.Label} of all networks{(histories.Count > 1 ? ", mean over seeds and each seed" : "")}";
        return new LineChart(title, "step of the network's stage", metric.IsShare, curves).Draw();
    }

    /// <summary>Per stage: loss terms, validation, learning rate.</summary>
    internal static IEnumerable<XElement> Stages(EventHistory history, Measures measures)
    {
        var stages = history
            .Events.Where(e => e.Stage is not null && e.Step is not null)
            .Select(e => e.Stage)
            .Distinct();
        foreach (var stage in stages)
        {
            var events = history.Events.Where(e => e.Stage == stage && e.Step is not null).ToList();
            var (means, evaluations) = (Of(events, "step"), Of(events, "evaluation"));
            XElement?[] charts =
            [
                Losses(means),
                .. Validations(evaluations, measures),
                Chart(
                    "Learning rate",
                    Names(means).Where(n => n.StartsWith(Rate)),
                    means,
                    n => n[Rate.Length..],
                    false
                ),
            ];
            if (charts.All(c => c is null))
                continue;
            yield return E("h3", $"Stage {stage}");
            yield return E("div", Class("charts"), charts);
            if (evaluations.Count > 0)
                yield return Details($"Evaluations of {stage} as a table", Evaluations(stage!, evaluations, measures));
        }
    }

    private static XElement? Losses(IReadOnlyList<RunEvent> means)
    {
        // The sum first, in the first colour; a stage without losses of its own reports something else.
        var names = Names(means).Where(n => !n.StartsWith(Rate, StringComparison.Ordinal));
        return Chart(
            "Loss terms",
            names.OrderBy(n => n == "loss" ? 0 : 1),
            means,
            n => n == "loss" ? "loss, all" : n,
            false
        );
    }

    private static IEnumerable<XElement?> Validations(IReadOnlyList<RunEvent> evaluations, Measures measures)
    {
        var names = Names(evaluations).ToList();
        foreach (var metric in measures.All)
            yield return Chart(
                $"Evaluation: {metric.Label}",
                names.Where(n => n.EndsWith($".{metric.Name}", StringComparison.Ordinal)),
                evaluations,
                n => n[..^(metric.Name.Length + 1)].Replace(".", " on "),
                metric.IsShare
            );
    }

    private static XElement? Chart(
        string title,
        IEnumerable<string> names,
        IReadOnlyList<RunEvent> events,
        Func<string, string> label,
        bool asPercent
    )
    {
        var curves = names
            .Select(
                (name, i) =>
                    new Curve(
                        label(name),
                        [
                            .. events
                                .Where(e => e.Values.ContainsKey(name))
                                .Select(e => ((double)e.Step!.Value, e.Values[name])),
                        ],
                        i
                    )
            )
            .ToList();
        return curves.Count == 0
            ? null
            : new LineChart(title, "step of the run", asPercent, curves)
            {
                // A schedule is known by its form, and many end at nearly nothing.
                MayBeLog = !title.StartsWith("Learning", StringComparison.Ordinal),
            }.Draw();
    }

    private static XElement Evaluations(string stage, IReadOnlyList<RunEvent> evaluations, Measures measures)
    {
        var names = Names(evaluations).ToList();
        return Table(
            $"Stage {stage}{(evaluations.Count > MostRows ? $", the last {MostRows} of {evaluations.Count}" : "")}.",
            ["step", .. names.Select(n => n.Replace('.', ' '))],
            evaluations
                .TakeLast(MostRows)
                .Select(e =>
                    (IReadOnlyList<object>)
                        [
                            N(e.Step!.Value),
                            .. names.Select(n => e.Values.TryGetValue(n, out var v) ? measures.Text(n, v) : ""),
                        ]
                ),
            "facts numbers"
        );
    }

    private static List<RunEvent> Of(IEnumerable<RunEvent> events, string kind) =>
        [.. events.Where(e => e.Kind == kind)];

    private static IEnumerable<string> Names(IEnumerable<RunEvent> events) =>
        events.SelectMany(e => e.Values.Keys).Distinct().Order(StringComparer.Ordinal);

    // The run's steps counted from where the stage began: networks are trained one after another.
    private static IReadOnlyList<(double, double)> InStage(EventHistory history, string name)
    {
        var found = history
            .Events.Where(e => e.Kind == "evaluation" && e.Step is not null && e.Values.ContainsKey(name))
            .ToList();
        if (found.Count == 0)
            return [];
        var stage = found[^1].Stage;
        var before = history
            .Events.Where(e => e.Kind == "stage" && e.Stage != stage && e.Step <= found[^1].Step)
            .ToList();
        var began = before.Count == 0 ? 0 : before[^1].Step!.Value;
        return [.. found.Where(e => e.Stage == stage).Select(e => ((double)(e.Step!.Value - began), e.Values[name]))];
    }

    private static IReadOnlyList<(double X, double Y)> Mean(IReadOnlyList<IReadOnlyList<(double X, double Y)>> each) =>
        [
            .. each.SelectMany(c => c)
                .GroupBy(p => p.X)
                // A step that some seeds have not reached has no mean over all of them.
                .Where(g => g.Count() == each.Count)
                .OrderBy(g => g.Key)
                .Select(g => (g.Key, g.Average(p => p.Y))),
        ];
}
