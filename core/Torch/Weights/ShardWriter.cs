using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace KdPlugins.Torch.Weights;

/// <summary>Splits tensors over several safetensors files, and writes the index that joins them.</summary>
internal static class ShardWriter
{
    private static readonly JsonWriterOptions Indented = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Indented = true,
    };

    public static IReadOnlyList<WrittenFile> Write(
        string folder,
        IEnumerable<WeightData> weights,
        long maxShardBytes,
        IReadOnlyDictionary<string, string>? metadata
    )
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxShardBytes, 1);
        string index = Path.Combine(folder, ShardedSafeTensors.IndexName);
        if (File.Exists(index))
        {
            throw WeightFault.Of(WeightErrors.WriteInvalid, index, "the folder holds a sharded model already.");
        }
        List<List<WeightData>> shards = Split(weights, maxShardBytes, folder, out long total);
        var written = new List<WrittenFile>();
        var map = new SortedDictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < shards.Count; i++)
        {
            string file = string.Create(
                CultureInfo.InvariantCulture,
                $"model-{i + 1:D5}-of-{shards.Count:D5}.safetensors"
            );
            foreach (WeightData weight in shards[i])
            {
                map.Add(weight.Name, file);
            }
            written.Add(SafeTensorsWriter.Write(Path.Combine(folder, file), shards[i], metadata));
        }
        written.Add(AtomicFile.Write(index, stream => WriteIndex(stream, map, total)));
        return written;
    }

    private static List<List<WeightData>> Split(
        IEnumerable<WeightData> weights,
        long most,
        string folder,
        out long total
    )
    {
        var shards = new List<List<WeightData>>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        long filled = 0;
        total = 0;
        foreach (WeightData weight in weights)
        {
            if (!names.Add(weight.Name))
            {
                throw WeightFault.Of(
                    WeightErrors.WriteInvalid,
                    folder,
                    $"the name {WeightFault.Quote(weight.Name)} is used twice."
                );
            }
            long bytes = SafeTensorsWriter.CheckedSize(weight, folder);
            if (shards.Count == 0 || (filled > 0 && bytes > most - filled))
            {
                shards.Add([]);
                filled = 0;
            }
            shards[^1].Add(weight);
            filled += bytes;
            total += bytes;
        }
        return shards;
    }

    private static void WriteIndex(Stream stream, SortedDictionary<string, string> map, long total)
    {
        using var json = new Utf8JsonWriter(stream, Indented);
        json.WriteStartObject();
        json.WriteStartObject("metadata");
        json.WriteNumber("total_size", total);
        json.WriteEndObject();
        json.WriteStartObject("weight_map");
        foreach ((string name, string file) in map)
        {
            json.WriteString(name, file);
        }
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
