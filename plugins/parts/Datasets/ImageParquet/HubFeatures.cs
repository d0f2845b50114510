using System.Text.Json;

namespace KdPlugins.Datasets;

/// <summary>What the Hugging Face hub writes into a Parquet file's metadata about its columns.</summary>
/// <param name="Images">Columns of images.</param>
/// <param name="Labels">Columns of class labels, with the classes' names.</param>
internal sealed record HubFeatures(IReadOnlyList<string> Images, IReadOnlyDictionary<string, string[]> Labels)
{
    private const int MostText = 16 << 20;
    private static readonly HubFeatures None = new([], new Dictionary<string, string[]>());

    /// <summary>Of the value of the key <c>huggingface</c>; nothing where it is missing or another's.</summary>
    public static HubFeatures Read(string? text)
    {
        if (text is null || text.Length > MostText)
            return None;
        try
        {
            using var document = JsonDocument.Parse(text);
            return
                document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("info", out var info)
                && info.ValueKind == JsonValueKind.Object
                && info.TryGetProperty("features", out var features)
                && features.ValueKind == JsonValueKind.Object
                ? Of(features)
                : None;
        }
        catch (JsonException)
        {
            return None;
        }
    }

    private static HubFeatures Of(JsonElement features)
    {
        var (images, labels) = (new List<string>(), new Dictionary<string, string[]>());
        foreach (var feature in features.EnumerateObject())
        {
            var kind =
                feature.Value.ValueKind == JsonValueKind.Object
                && feature.Value.TryGetProperty("_type", out var type)
                && type.ValueKind == JsonValueKind.String
                    ? type.GetString()
                    : null;
            if (kind == "Image")
                images.Add(feature.Name);
            else if (
                kind == "ClassLabel"
                && feature.Value.TryGetProperty("names", out var names)
                && names.ValueKind == JsonValueKind.Array
                && names.EnumerateArray().All(n => n.ValueKind == JsonValueKind.String)
            )
                labels[feature.Name] = [.. names.EnumerateArray().Select(n => n.GetString()!)];
        }
        return new(images, labels);
    }
}
