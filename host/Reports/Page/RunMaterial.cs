using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Reports.Images;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;

namespace KdPlugins.Host.Reports.Page;

/// <summary>
/// What a run's folder holds for its page. Whatever is missing or damaged is left out and said in
/// <see cref="Problems"/>: a run that failed needs its page most.
/// </summary>
internal sealed class RunMaterial
{
    private const string RecipeName = "recipe.json";
    private readonly List<string> _problems = [];

    private RunMaterial(string folder)
    {
        Folder = folder;
        Report = ReadJson(ReportFile.Name);
        Provenance = ReadJson("provenance.json");
        Origin = ReadJson(RunOrigin.FileName);
        Status = Try("status.json", () => RunFolder.ReadStatus(folder));
        History = Try("events.jsonl", () => EventLog.Read(folder)) ?? new EventHistory([], 0);
        if (History.Unreadable > 0)
            _problems.Add($"events.jsonl: {History.Unreadable} lines are no events and were left out.");
        Samples = Try(SampleImages.FileName, () => SampleImages.Read(folder));
        DataSets = Try("outputs", () => DataSetSheet.Of(folder)) ?? [];
        Seeds = Try("seeds", () => SeedFolders(folder).Select(Read).ToList()) ?? [];
        Recipe = Try(RecipeName, RecipeThatRan);
    }

    internal string Folder { get; }

    /// <summary>report.json; null where the run is not complete.</summary>
    internal JsonObject? Report { get; }

    /// <summary>provenance.json; null where the run has not begun, and above several seeds.</summary>
    internal JsonObject? Provenance { get; }

    internal JsonObject? Origin { get; }

    /// <summary>The recipe that was run, or that is to be run where nothing was; null where it is no longer there.</summary>
    internal JsonObject? Recipe { get; }

    internal RunStatus? Status { get; }

    internal EventHistory History { get; }

    internal SampleImages? Samples { get; }

    internal IReadOnlyList<DataSetSheet> DataSets { get; }

    /// <summary>The runs of the seeds below this one; none for a run of one seed.</summary>
    internal IReadOnlyList<RunMaterial> Seeds { get; }

    /// <summary>What could not be read.</summary>
    internal IReadOnlyList<string> Problems => _problems;

    /// <summary>What is known of the run as such, complete or not.</summary>
    internal JsonObject? Facts => Report ?? Provenance ?? Seeds.FirstOrDefault()?.Facts;

    internal string Name => Json.Text(Facts, "name") ?? Json.Text(Recipe, "name") ?? Path.GetFileName(Folder);

    internal IReadOnlyList<string> ClassNames => Json.Texts(Json.Object(Facts, "data"), "class_names");

    internal static RunMaterial Read(string folder) => new(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));

    private static IEnumerable<string> SeedFolders(string folder) =>
        Directory
            .EnumerateDirectories(folder, "seed-*")
            .Where(RunFolder.Exists)
            .OrderBy(f => f.Length)
            .ThenBy(f => f, StringComparer.Ordinal);

    // Whoever edits recipe.json after the run has not run it.
    private JsonObject? RecipeThatRan()
    {
        var kept = ReadJson(RecipeName);
        if (Json.Text(Json.Object(Facts, "hashes"), "recipe") is not { } ran || kept is null)
            return kept;
        var text = Try(RecipeName, () => PlainFile.ReadText(Path.Combine(Folder, RecipeName), Json.LargestFile));
        if (text is not null && IsOf(ran, text, kept))
            return kept;
        if (
            Json.Text(Origin, "resolved") is { } first
            && Try(RunOrigin.FileName, () => Json.Parse(first)) is { } started
            && IsOf(ran, first, started)
        )
        {
            if (!JsonNode.DeepEquals(kept, started))
                _problems.Add($"{RecipeName}: it was changed after the run. The recipe that was run is shown.");
            return started;
        }
        _problems.Add($"{RecipeName}: it is not the recipe that was run, which is no longer there; none is shown.");
        return null;
    }

    // Above several seeds the hash is the first seed's, whose recipe differs in nothing but the seeds.
    private bool IsOf(string hash, string text, JsonObject recipe) =>
        Seeds.Count == 0
            ? Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))) == hash
            : Seeds[0].Recipe is { } first && JsonNode.DeepEquals(WithoutSeeds(recipe), WithoutSeeds(first));

    private static JsonNode WithoutSeeds(JsonObject recipe)
    {
        var copy = recipe.DeepClone().AsObject();
        copy.Remove("seed");
        copy.Remove("seeds");
        return copy;
    }

    private JsonObject? ReadJson(string name) =>
        Try(name, () => File.Exists(Path.Combine(Folder, name)) ? Json.Read(Path.Combine(Folder, name)) : null);

    private T? Try<T>(string what, Func<T?> read)
        where T : class
    {
        try
        {
            return read();
        }
        catch (Exception e)
            when (e is KdException or JsonException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            _problems.Add($"{what}: {e.Message}");
            return null;
        }
    }
}
