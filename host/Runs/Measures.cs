using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Texts;

namespace KdPlugins.Host.Runs;

/// <summary>A number that a run's meters give.</summary>
/// <param name="Name">In events; with underscores and behind a source in reports.</param>
/// <param name="Unit">See <see cref="MeterValue"/>.</param>
internal sealed record MeasuredValue(string Name, string Unit)
{
    internal bool IsShare => Unit == MeterValue.Share;

    /// <summary>The name with its unit; the unit of a share stands behind every number.</summary>
    internal string Label => Unit.Length == 0 || IsShare ? Name : $"{Name} ({Unit})";
}

/// <summary>What the numbers of a run are, as its files say it; what says most comes first.</summary>
internal sealed class Measures
{
    private const int MostOfProvenance = 16 << 20;

    // Runs from before there were meters do not say what their numbers are.
    private static readonly Measures Unsaid = new([
        new("accuracy", MeterValue.Share),
        new("miou", MeterValue.Share),
        new("perplexity", ""),
        new("loss", ""),
        new("pixel-accuracy", MeterValue.Share),
        new("top5", MeterValue.Share),
    ]);

    private Measures(IReadOnlyList<MeasuredValue> all) => All = all;

    internal IReadOnlyList<MeasuredValue> All { get; }

    /// <summary>Those of report.json or provenance.json.</summary>
    internal static Measures Of(JsonObject? facts)
    {
        if (facts?["measures"] is not JsonArray said)
            return Unsaid;
        var all = said.Where(m => Json.Text(m, "name") is { Length: > 0 })
            .Select(m => new MeasuredValue(Json.Text(m, "name")!, Json.Text(m, "unit") ?? ""))
            .DistinctBy(m => m.Name)
            .ToList();
        return all.Count > 0 ? new(all) : Unsaid;
    }

    /// <summary>Those of a run's folder, whether the run goes on or not.</summary>
    internal static Measures OfFolder(string folder)
    {
        try
        {
            var path = Path.Combine(folder, "provenance.json");
            return Of(File.Exists(path) ? Json.Read(path, MostOfProvenance) : null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return Unsaid;
        }
    }

    /// <summary>The key of what says most of a role in a report, such as test_accuracy; null where nothing is said.</summary>
    internal string? KeyOf(JsonObject role) =>
        All.SelectMany(m => (string[])[Key("test", m), Key("validation", m)]).FirstOrDefault(role.ContainsKey);

    /// <summary>A number as people read it. name: in a report ("test_accuracy"), an event ("student.test.accuracy") or alone.</summary>
    internal string Text(string name, double value) => Text(IsShare(name), value);

    /// <summary>Shares in per cent, the rest as they are.</summary>
    internal static string Text(bool isShare, double value) =>
        isShare
            ? string.Create(CultureInfo.InvariantCulture, $"{100 * value:0.00} %")
            : string.Create(CultureInfo.InvariantCulture, $"{value:0.####}");

    /// <summary>Whether a number is a share of one. name: as above.</summary>
    internal bool IsShare(string name)
    {
        var alone = name.Split('.', 3)[^1];
        // A role's name has no underscore, a value's neither: what is before the first one is the source.
        if (alone.Contains('_'))
            alone = alone.Split('_', 2)[^1].Replace('_', '-');
        return All.Any(m => m.IsShare && m.Name == alone);
    }

    private static string Key(string source, MeasuredValue value) => $"{source}_{value.Name.Replace('-', '_')}";
}
