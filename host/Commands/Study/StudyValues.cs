using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Texts;

namespace KdPlugins.Host.Commands.Study;

/// <summary>The numbers that a study reads out of reports, and what they are.</summary>
internal sealed class StudyValues
{
    private readonly Dictionary<string, (string Key, bool IsShare)> _metrics = [];
    private readonly List<StudyValue> _values = [];
    private readonly List<string> _notes = [];

    private StudyValues() { }

    internal IReadOnlyList<StudyValue> Values => _values;

    /// <summary>What is doubtful: numbers that a report lacks, measures that are not the same everywhere.</summary>
    internal IReadOnlyList<string> Notes => _notes;

    /// <summary>The numbers of all runs that are done.</summary>
    internal static StudyValues Of(Core.Study study, IEnumerable<StudyRun> runs)
    {
        var values = new StudyValues();
        foreach (var run in runs.Where(r => r is { Report: not null, Plan.Arm: not null }))
        foreach (var arm in study.Arms.Where(a => a.RunsOf == run.Plan.Arm))
        foreach (var measure in study.Measures)
            values.Add(arm, measure, run);
        return values;
    }

    /// <summary>What a measure is called, such as "test accuracy".</summary>
    internal string Label(StudyMeasure measure) =>
        (_metrics.TryGetValue(measure.Name, out var known) ? known.Key : measure.Metric ?? measure.Name).Replace(
            '_',
            ' '
        );

    /// <summary>Whether a measure is a share of one.</summary>
    internal bool IsShare(string measure) => _metrics.TryGetValue(measure, out var known) && known.IsShare;

    private void Add(StudyArm arm, StudyMeasure measure, StudyRun run)
    {
        var report = run.Report!;
        var role = arm.Role ?? Json.Text(report, "result") ?? Roles.Student;
        var measures = Measures.Of(report);
        if (report[role] is not JsonObject node)
        {
            _notes.Add($"{run.Plan.Label}: the report has no role '{role}'.");
            return;
        }
        var key = measure.Metric ?? measures.KeyOf(node);
        if (key is null || Json.Number(Json.Object(node, key), measure.State) is not { } value)
        {
            _notes.Add($"{run.Plan.Label}: '{role}' has no {key ?? "metric"} of the {measure.State} state.");
            return;
        }
        if (!double.IsFinite(value))
            _notes.Add($"{run.Plan.Label}: {key} of '{role}' is not finite and counts as missing.");
        if (!_metrics.TryAdd(measure.Name, (key, measures.IsShare(key))) && _metrics[measure.Name].Key != key)
            _notes.Add(
                $"{run.Plan.Label}: '{measure.Name}' is {key} there, and {_metrics[measure.Name].Key} elsewhere."
            );
        _values.Add(new(arm.Name, run.Plan.Level, run.Plan.Seed, measure.Name, value));
    }
}
