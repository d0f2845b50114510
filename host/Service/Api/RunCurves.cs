using System.Text.Json.Nodes;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Texts;

namespace KdPlugins.Host.Service.Api;

/// <summary>A curve of a run.</summary>
/// <param name="Stage">The stage it belongs to.</param>
/// <param name="Role">The network it is about, such as teacher, baseline, student; empty where that is unknown.</param>
/// <param name="Source">What was evaluated, such as validation; empty for the means over training steps.</param>
/// <param name="Name">The value, such as loss or accuracy.</param>
/// <param name="IsShare">Whether it is a share of one, shown as per cent.</param>
/// <param name="Rank">Its place among what the run's meters give, 0 for what says most; -1 for what no meter gives.</param>
/// <param name="Points">Points [step of the stage, value]; thinned, extremes kept.</param>
internal sealed record RunCurve(
    string Stage,
    string Role,
    string Source,
    string Name,
    bool IsShare,
    int Rank,
    IReadOnlyList<double[]> Points
);

/// <summary>The curves of one seed.</summary>
/// <param name="Seed">The seed's folder; empty for a run of one seed.</param>
/// <param name="Curves">Its curves, in the order in which they began.</param>
internal sealed record SeedCurves(string Seed, IReadOnlyList<RunCurve> Curves);

/// <summary>
/// Reads the curves of an event log line by line into a bounded number of points: what it takes does not grow with the run.
/// </summary>
internal static class RunCurves
{
    private const int MostCurves = 256;
    private const string Rate = "lr.";

    /// <summary>The curves in a folder with events.jsonl; lines that are no events are passed over.</summary>
    internal static IReadOnlyList<RunCurve> Read(string folder, int points)
    {
        var curves = new Dictionary<(string Stage, string Role, string Source, string Name), ThinnedCurve>();
        var begins = 0.0;
        foreach (var line in FileLines.Of(Path.Combine(folder, "events.jsonl")))
        {
            if (Json.TryParse(line) is not { } found || Json.Number(found, "step") is not { } step)
                continue;
            var kind = Json.Text(found, "kind");
            // A stage's event is written at its end, with the step of the run at which the next one begins.
            if (kind == "stage")
                begins = step;
            else if (kind is "step" or "evaluation" && Json.Object(found, "values") is { } values)
                foreach (var (key, value) in Keys(Json.Text(found, "stage") ?? "", kind, values))
                    if (Find(curves, key, points) is { } curve)
                        curve.Add(step - begins, value);
        }
        var measures = Measures.OfFolder(folder).All;
        return [.. curves.Select(c => Curve(c.Key, c.Value, measures))];
    }

    private static RunCurve Curve(
        (string Stage, string Role, string Source, string Name) key,
        ThinnedCurve curve,
        IReadOnlyList<MeasuredValue> measures
    )
    {
        var rank = measures.ToList().FindIndex(m => key.Source.Length > 0 && m.Name == key.Name);
        var isShare = rank >= 0 && measures[rank].IsShare;
        return new(key.Stage, key.Role, key.Source, key.Name, isShare, rank, curve.Points);
    }

    private static IEnumerable<((string, string, string, string) Key, double Value)> Keys(
        string stage,
        string kind,
        JsonObject values
    )
    {
        var role = kind == "step" ? TrainedRole(stage, values) : "";
        foreach (var (name, node) in values)
        {
            if (Json.Number(node) is not { } value)
                continue;
            if (kind == "step")
                yield return ((stage, role, "", name), value);
            else if (name.Split('.', 3) is [var of, var source, var metric])
                yield return ((stage, of, source, metric), value);
        }
    }

    // The network whose learning rate is told is the one that is trained.
    private static string TrainedRole(string stage, JsonObject values)
    {
        var trained = values.Where(v => v.Key.StartsWith(Rate, StringComparison.Ordinal)).Take(2).ToList();
        return trained.Count == 1 ? trained[0].Key[Rate.Length..] : stage.Split('/')[0];
    }

    private static ThinnedCurve? Find(
        Dictionary<(string, string, string, string), ThinnedCurve> curves,
        (string, string, string, string) key,
        int points
    )
    {
        if (!curves.TryGetValue(key, out var curve) && curves.Count < MostCurves)
            curves[key] = curve = new(points);
        return curve;
    }
}
