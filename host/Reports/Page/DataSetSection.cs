using System.Buffers.Binary;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using KdPlugins.Host.Reports.Images;
using static KdPlugins.Host.Texts.Html;

namespace KdPlugins.Host.Reports.Page;

/// <summary>A data set that the run has made.</summary>
internal static class DataSetSection
{
    internal static IEnumerable<XElement?> Make(DataSetSheet set, string folder)
    {
        if (set.Problem.Length > 0)
            yield return E("p", Class("note"), $"Its images cannot be shown: {set.Problem}");
        else
            yield return Picture(
                Png.DataUri(set.Png),
                $"{set.Shown} images of the data set {set.Name}, in the order of their classes",
                BinaryPrimitives.ReadInt32BigEndian(set.Png.AsSpan(16)),
                BinaryPrimitives.ReadInt32BigEndian(set.Png.AsSpan(20)),
                "sheet"
            );
        yield return Facts(
            "What its card says.",
            [
                ("folder", E("code", Path.GetRelativePath(folder, set.Folder))),
                .. set
                    .Card.Where(e => e.Key is not ("kind" or "format" or "classNames"))
                    .SelectMany(Flat)
                    .Select(e => (e.Name, (object?)e.Value)),
            ]
        );
    }

    private static IEnumerable<(string Name, string Value)> Flat(KeyValuePair<string, JsonNode?> entry) =>
        entry.Value switch
        {
            null => [],
            JsonObject inner => inner.Select(e => ($"{entry.Key} {e.Key}", Value(e.Value))),
            JsonArray all => [(entry.Key, string.Join(", ", all.Select(Value)))],
            var value => [(entry.Key, Value(value))],
        };

    private static string Value(JsonNode? node) =>
        node is JsonValue v && v.TryGetValue(out string? text) ? text : node?.ToJsonString() ?? "";
}
