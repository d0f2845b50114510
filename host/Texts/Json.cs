using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Torch;

namespace KdPlugins.Host.Texts;

/// <summary>Values of files that may be of another release, or damaged: what is not there is null, never an error.</summary>
internal static class Json
{
    /// <summary>Bytes of a file of a run: a report has a confusion matrix for every role and seed.</summary>
    internal const int LargestFile = 256 << 20;

    // A key that is there twice would be found only where it is asked for.
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <summary>The object of a text.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    internal static JsonObject Parse(string text)
    {
        try
        {
            return JsonNode.Parse(text, documentOptions: Strict) as JsonObject
                ?? throw new JsonException("it is no object");
        }
        catch (InvalidOperationException e)
        {
            throw new JsonException("it holds a text that is not Unicode", e);
        }
    }

    /// <summary>The object of a text; null where it is none.</summary>
    internal static JsonObject? TryParse(string text)
    {
        try
        {
            return Parse(text);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The object in a plain file.</summary>
    /// <exception cref="JsonException">It holds none.</exception>
    /// <exception cref="IOException">It cannot be read, or is larger than any.</exception>
    internal static JsonObject Read(string path, int most = LargestFile) => Parse(PlainFile.ReadText(path, most));

    internal static string? Text(JsonNode? node, string key) => node is JsonObject o ? Text(o[key]) : null;

    // Half a surrogate pair can be written, but is no text.
    private static string? Text(JsonNode? node)
    {
        try
        {
            return node is JsonValue v && v.TryGetValue(out string? text) ? text : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    internal static double? Number(JsonNode? node, string key) => node is JsonObject o ? Number(o[key]) : null;

    /// <summary>A number; NaN and infinities are texts in JSON.</summary>
    internal static double? Number(JsonNode? node)
    {
        if (node is not JsonValue value)
            return null;
        var text = value.GetValueKind() == JsonValueKind.String ? Text(value) : value.ToJsonString();
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;
    }

    internal static JsonObject? Object(JsonNode? node, string key) => (node as JsonObject)?[key] as JsonObject;

    internal static IReadOnlyList<string> Texts(JsonNode? node, string key) =>
        (node as JsonObject)?[key] is JsonArray all ? [.. all.Select(n => Text(n) ?? n?.ToJsonString() ?? "")] : [];
}
