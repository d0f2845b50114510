using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Texts;
using static KdPlugins.Host.Texts.Html;

namespace KdPlugins.Host.Reports.Page;

/// <summary>Times, what the run was made of, and what happened on its way.</summary>
internal static class FactSections
{
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    internal static XElement? Timing(JsonObject? report) =>
        report is null
            ? E("p", Class("quiet"), "Times are summed up at the end of a run.")
            : Facts(
                report.ContainsKey("runs")
                    ? "All seeds together; of memory the largest."
                    : "The training steps, evaluations left out.",
                (
                    "time in steps",
                    Json.Number(report, "seconds") is { } s ? RunText.Duration(TimeSpan.FromSeconds(s)) : null
                ),
                ("steps", Text.Number(Json.Number(report, "steps"))),
                ("images", Text.Number(Json.Number(report, "samples"))),
                ("images per second", Text.Number(Json.Number(report, "images_per_second"), "#,0.0")),
                ("waiting for data", Text.Percent(Json.Number(report, "data_wait_fraction"))),
                ("peak memory of the process", Text.Bytes(Json.Number(report, "peak_memory_bytes")))
            );

    internal static IEnumerable<XElement?> Provenance(RunMaterial run)
    {
        var facts = run.Facts;
        var seeds = run.Seeds.Count > 0 ? string.Join(", ", Json.Texts(run.Report, "seeds")) : null;
        yield return Facts(
            "The run.",
            ("recipe", Json.Text(run.Origin, "recipe")),
            ("command line", Command(run.Origin)),
            ("method", Json.Text(facts, "method")),
            (seeds is null ? "seed" : "seeds", seeds ?? Text.Number(Json.Number(facts, "seed"), "0")),
            ("device", Json.Text(facts, "device")),
            ("precision", Json.Text(facts, "precision")),
            ("threads", Text.Number(Json.Number(run.Origin, "threads"))),
            ("kd", Json.Text(facts, "build")),
            ("libtorch", Json.Text(facts, "libtorch")),
            ("runtime", Json.Text(run.Origin, "runtime")),
            ("system", Json.Text(run.Origin, "system")),
            ("started", Time(Json.Text(run.Origin, "started"))),
            ("finished", Time(Json.Text(run.Report, "finished")))
        );
        if (facts?["plugins"] is JsonArray plugins)
            yield return Table(
                "The plugins that took part.",
                ["plugin", "kind", "version", "assembly", "SHA-256"],
                plugins.Select(p =>
                    (IReadOnlyList<object>)
                        [
                            Json.Text(p, "id") ?? "",
                            Json.Text(p, "kind") ?? "",
                            Json.Text(p, "version") ?? "",
                            Json.Text(p, "assembly") ?? "",
                            E("code", Json.Text(p, "sha256") ?? ""),
                        ]
                )
            );
        var hashes = Hashes(run).ToList();
        if (hashes.Count > 0)
            yield return Table("What it was made from and what came out, by SHA-256.", ["what", "SHA-256"], hashes);
        if (run.Recipe is not null)
            yield return Details("The recipe with every default", E("pre", run.Recipe.ToJsonString(Indented)));
    }

    /// <summary>What was out of the ordinary; null where nothing was.</summary>
    internal static XElement? History(RunMaterial run)
    {
        var notes = run
            .History.Events.Where(e => e.Text.Length > 0)
            .Select(e => (IReadOnlyList<object>)[Time(e.Time.ToString("O")) ?? "", e.Kind, e.Text])
            .Concat(run.Problems.Select(p => (IReadOnlyList<object>)["", "this page", p]))
            .ToList();
        return notes.Count == 0 ? null : Table("What happened on the way.", ["time", "what", ""], notes);
    }

    private static IEnumerable<IReadOnlyList<object>> Hashes(RunMaterial run)
    {
        var hashes = Json.Object(run.Facts, "hashes");
        if (Json.Text(hashes, "recipe") is { } recipe)
            yield return ["recipe", E("code", recipe)];
        foreach (var (kind, key) in ((string, string)[])[("data", "data"), ("given network", "networks")])
        foreach (var entry in Json.Object(hashes, key) ?? [])
            yield return [$"{kind} {entry.Key}", E("code", entry.Value?.ToString() ?? "")];
        foreach (var role in run.Report is null ? [] : ResultTable.Roles(run.Report))
        foreach (var (file, hash) in Networks(Json.Object(run.Report, role)!, role))
            yield return [file, E("code", hash)];
    }

    private static IEnumerable<(string, string)> Networks(JsonObject role, string name) =>
        role["seeds"] is JsonArray seeds
            ? seeds.Select(s => ($"seed-{Json.Number(s, "seed")}/{name}.safetensors", Json.Text(s, "sha256") ?? ""))
            : [($"{name}.safetensors", Json.Text(role, "sha256") ?? "")];

    private static XElement? Command(JsonObject? origin)
    {
        var words = Json.Texts(origin, "commandLine");
        return words.Count == 0 ? null : E("code", "kd " + string.Join(' ', words.Select(Quoted)));
    }

    private static string Quoted(string word) =>
        word.Length > 0 && word.All(c => char.IsLetterOrDigit(c) || "-_./=:,[]".Contains(c))
            ? word
            : $"'{word.Replace("'", @"'\''")}'";

    private static string? Time(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, out var time)
            ? time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture)
            : text;
}
