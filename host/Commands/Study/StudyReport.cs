using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Texts;

namespace KdPlugins.Host.Commands.Study;

/// <summary>What a study has found so far: its runs, and what their numbers say.</summary>
internal sealed class StudyReport
{
    private readonly string _root;

    private StudyReport(
        Core.Study study,
        StudyRecord record,
        string root,
        IReadOnlyList<StudyRun> runs,
        StudyValues values
    )
    {
        (Study, Record, _root, Runs, Values) = (study, record, root, runs, values);
        Results = StudyResults.Make(study, values.Values);
        Notes = [.. values.Notes, .. PluginNotes(), .. Limits()];
    }

    internal Core.Study Study { get; }

    internal StudyRecord Record { get; }

    internal IReadOnlyList<StudyRun> Runs { get; }

    internal StudyValues Values { get; }

    internal StudyResults Results { get; }

    /// <summary>What a reader has to know before believing the numbers.</summary>
    internal IReadOnlyList<string> Notes { get; }

    /// <param name="study">The study.</param>
    /// <param name="record">How it was started.</param>
    /// <param name="root">Its folder.</param>
    /// <param name="runs">All of its runs.</param>
    internal static StudyReport Make(Core.Study study, StudyRecord record, string root, IReadOnlyList<StudyRun> runs) =>
        new(study, record, root, runs, StudyValues.Of(study, runs));

    /// <summary>A measure's number as people read it.</summary>
    internal string Number(string measure, double value) => StudyText.Number(Values.IsShare(measure), value);

    /// <summary>The folder of a run, below that of the study.</summary>
    internal string RelativeFolder(StudyRun run) => Path.GetRelativePath(_root, run.Plan.Folder);

    /// <summary>study.json.</summary>
    internal JsonObject ToJson()
    {
        var json = Record.ToJson();
        json["description"] = Study.Description;
        json["seeds"] = new JsonArray([.. Study.Seeds.Select(s => JsonValue.Create(s))]);
        json["sweep"] = Study.SweepName;
        json["measures"] = new JsonArray([
            .. Study.Measures.Select(m => new JsonObject
            {
                ["name"] = m.Name,
                ["metric"] = Values.Label(m),
                ["state"] = m.State,
                ["share"] = Values.IsShare(m.Name),
            }),
        ]);
        json["arms"] = new JsonArray([.. Results.Arms.Select(Arm)]);
        json["claims"] = new JsonArray([.. Results.Claims.Select(Claim)]);
        json["notes"] = new JsonArray([.. Notes.Select(n => JsonValue.Create(n))]);
        json["runs"] = new JsonArray([.. Runs.Select(Run)]);
        return json;
    }

    private static JsonNode Arm(StudyArmResult arm)
    {
        var json = Summary(arm.Summary);
        json.Insert(0, "arm", arm.Arm);
        json.Insert(1, "level", arm.Level);
        json.Insert(2, "measure", arm.Measure);
        json["seeds"] = Pairs(arm.Values);
        return json;
    }

    private static JsonNode Claim(StudyClaimResult result)
    {
        var json = Summary(result.Summary);
        json.Insert(0, "claim", result.Claim.Name);
        json.Insert(1, "above", result.Claim.Above);
        json.Insert(2, "below", result.Claim.Below);
        json.Insert(3, "measure", result.Claim.Measure);
        json.Insert(4, "level", result.Level);
        json["differences"] = Pairs(result.Differences);
        json["verdict"] = StudyText.Verdict(result.Verdict);
        json["expected"] = result.Claim.Expected;
        return json;
    }

    private static JsonObject Summary(StudySummary summary) =>
        new()
        {
            ["n"] = summary.Count,
            ["mean"] = summary.Count == 0 ? null : summary.Mean,
            ["std"] = summary.Deviation,
            ["low"] = summary.Low,
            ["high"] = summary.High,
        };

    private static JsonObject Pairs(IEnumerable<KeyValuePair<long, double>> pairs) =>
        new(pairs.Select(p => KeyValuePair.Create<string, JsonNode?>($"{p.Key}", p.Value)));

    private JsonNode Run(StudyRun run) =>
        new JsonObject
        {
            ["arm"] = run.Plan.Arm,
            ["preparation"] = run.Plan.Preparation,
            ["level"] = run.Plan.Level,
            ["seed"] = run.Plan.Seed,
            ["folder"] = RelativeFolder(run),
            ["state"] = run.State.ToString().ToLowerInvariant(),
            ["message"] = run.Message.Length > 0 ? run.Message : null,
            ["seconds"] = Json.Number(run.Report, "seconds"),
            ["recipe"] = run.Plan.Recipe.Identity(),
        };

    // A study that mixes releases of a plugin compares them too.
    private IEnumerable<string> PluginNotes() =>
        Runs.Where(r => r.Report?["plugins"] is JsonArray)
            .SelectMany(r => r.Report!["plugins"]!.AsArray())
            .Select(p => (Id: $"{Json.Text(p, "kind")} {Json.Text(p, "id")}", Version: Json.Text(p, "version")))
            .Distinct()
            .GroupBy(p => p.Id)
            .Where(g => g.Count() > 1)
            .Select(g => $"The runs used several versions of {g.Key}: {string.Join(", ", g.Select(p => p.Version))}.");

    private IEnumerable<string> Limits()
    {
        if (Record.MaxStepsPerStage > 0)
            yield return $"No stage had more than {Record.MaxStepsPerStage:N0} steps: this is a trial, and no result.";
        var lacking = Runs.Count(r => r.Plan.Arm is not null && r.State != StudyRunState.Done);
        if (lacking > 0)
            yield return $"{lacking} of {Runs.Count(r => r.Plan.Arm is not null)} runs are not done yet.";
        if (Results.Arms.Any(a => a.Summary.Count == 1))
            yield return "One seed gives no interval, and its order is no result.";
    }
}
