using System.Text.Json;
using System.Text.Unicode;

namespace KdPlugins.Torch.Weights;

/// <summary>The parsed <c>model.safetensors.index.json</c>: which shard holds which tensor.</summary>
internal static class SafeTensorsIndex
{
    private static readonly JsonReaderOptions Tolerant = new() { MaxDepth = 16 };

    /// <summary>Reads the weight map: tensor name to plain file name, in file order.</summary>
    public static Dictionary<string, string> Parse(ReadOnlySpan<byte> text, string origin)
    {
        if (text.Length > WeightLimits.MaxHeaderBytes || !Utf8.IsValid(text))
        {
            throw Fault(WeightErrors.IndexInvalid, origin, "the index is not UTF-8 of at most 100 MB.");
        }
        try
        {
            var json = new Utf8JsonReader(text, Tolerant);
            return ParseObject(ref json, origin);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Fault(WeightErrors.IndexInvalid, origin, $"the index is not the JSON of the format: {e.Message}.", e);
        }
    }

    private static Dictionary<string, string> ParseObject(ref Utf8JsonReader json, string origin)
    {
        Dictionary<string, string>? map = null;
        StrictJson.Expect(ref json, JsonTokenType.StartObject, "the index");
        while (StrictJson.NextProperty(ref json, out string key))
        {
            if (key != "weight_map")
            {
                json.Read();
                json.Skip(); // free text such as metadata.total_size
                continue;
            }
            map = map is null
                ? ParseMap(ref json, origin)
                : throw Fault(WeightErrors.DuplicateKey, origin, "the index has weight_map twice.");
        }
        StrictJson.ExpectEnd(ref json);
        return map ?? throw new JsonException("it has no weight_map");
    }

    private static Dictionary<string, string> ParseMap(ref Utf8JsonReader json, string origin)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        var files = new Dictionary<string, string>(StringComparer.Ordinal); // one string per shard, not per tensor
        StrictJson.Expect(ref json, JsonTokenType.StartObject, "weight_map");
        while (StrictJson.NextProperty(ref json, out string tensor))
        {
            StrictJson.Expect(ref json, JsonTokenType.String, "a file of weight_map");
            string file = json.GetString()!;
            if (!files.TryGetValue(file, out string? known))
            {
                CheckFileName(file, origin);
                files.Add(file, known = file);
            }
            if (!map.TryAdd(tensor, known))
            {
                throw Fault(WeightErrors.DuplicateKey, origin, $"weight_map names {WeightFault.Quote(tensor)} twice.");
            }
        }
        return map;
    }

    /// <summary>Only plain names: no separators of any system, no drive, no stream, no relative step, no device.</summary>
    private static void CheckFileName(string file, string origin)
    {
        bool plain =
            file.Length is > 0 and <= 255
            && file.AsSpan().IndexOfAny("/\\:") < 0
            && !file.Any(char.IsControl)
            && file.Trim('.', ' ').Length > 0;
        if (!plain)
        {
            throw Fault(
                WeightErrors.IndexOutsideFolder,
                origin,
                $"it names the shard {WeightFault.Quote(file)}, which is not a plain file name."
            );
        }
    }

    private static KdException Fault(ErrorCode code, string origin, string what, Exception? inner = null) =>
        WeightFault.Of(code, origin, what, inner);
}
