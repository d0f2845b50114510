using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace KdPlugins.Host.Reports;

/// <summary>Values of files that may be of another release, or damaged: what is not there is null, never an error.</summary>
internal static class Json
{
    private static readonly JsonDocumentOptions Once = new() { AllowDuplicateProperties = false };

    /// <summary>A text that may be damaged; a key that is there twice is noticed at once, not when it is asked for.</summary>
    /// <exception cref="JsonException">It is no JSON.</exception>
    internal static JsonNode? Parse(string text) => JsonNode.Parse(text, documentOptions: Once);

    internal static string? Text(JsonNode? node, string key) =>
        node is JsonObject o && o[key] is JsonValue v && v.TryGetValue(out string? text) ? text : null;

    internal static double? Number(JsonNode? node, string key) => node is JsonObject o ? Number(o[key]) : null;

    /// <summary>A number; NaN and infinities are texts in JSON.</summary>
    internal static double? Number(JsonNode? node)
    {
        if (node is not JsonValue value)
            return null;
        var text = value.TryGetValue(out string? written) ? written : value.ToJsonString();
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;
    }

    internal static JsonObject? Object(JsonNode? node, string key) => (node as JsonObject)?[key] as JsonObject;

    internal static IReadOnlyList<string> Texts(JsonNode? node, string key) =>
        (node as JsonObject)?[key] is JsonArray all
            ? [.. all.Select(n => n is JsonValue v && v.TryGetValue(out string? text) ? text : n?.ToJsonString() ?? "")]
            : [];
}
