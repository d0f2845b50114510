using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>How a list is written, by its first line.</summary>
internal static class ListLook
{
    private const int LongestLine = 65_536;

    private static readonly string[] SplitNames = ["split", "set", "subset", "partition"];

    /// <summary>The options <c>header</c>, <c>delimiter</c> and <c>splitColumn</c> where they are none of the defaults.</summary>
    public static JsonObject At(IReadOnlyList<string> lists)
    {
        var options = new JsonObject();
        var line = FirstLine(lists[0]);
        if (Path.GetExtension(lists[0]).ToLowerInvariant() is ".jsonl" or ".ndjson")
        {
            Split(options, Keys(line));
            return options;
        }
        var delimiter = lists[0].EndsWith(".tsv", StringComparison.OrdinalIgnoreCase) ? '\t' : ',';
        if (delimiter == ',' && !line.Contains(',') && line.Contains(';'))
            (options["delimiter"], delimiter) = (";", ';');
        string[] cells = [.. line.Split(delimiter).Select(c => c.Trim().Trim('"'))];
        if (cells.Any(c => IsFile(lists[0], c)))
            options["header"] = false;
        else
            Split(options, cells);
        return options;
    }

    private static void Split(JsonObject options, IEnumerable<string> names)
    {
        if (names.FirstOrDefault(n => SplitNames.Contains(n.ToLowerInvariant())) is { } column)
            options["splitColumn"] = column;
    }

    private static bool IsFile(string list, string cell) =>
        cell.Length is > 0 and < 4096
        && !cell.Contains('\0')
        && File.Exists(Path.Combine(Path.GetDirectoryName(list)!, cell));

    private static IEnumerable<string> Keys(string line)
    {
        try
        {
            return JsonNode.Parse(line) is JsonObject row ? [.. row.Select(e => e.Key)] : [];
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            return [];
        }
    }

    private static string FirstLine(string list)
    {
        try
        {
            using var stream = DataFile.Open(list);
            var bytes = new byte[LongestLine];
            var count = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return System
                .Text.Encoding.UTF8.GetString(bytes, 0, count)
                .TrimStart('\uFEFF')
                .Split('\n', 2)[0]
                .TrimEnd('\r');
        }
        catch (KdException)
        {
            return "";
        }
    }
}
