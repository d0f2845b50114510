using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace KdPlugins.Torch.Weights;

/// <summary>
/// Writes safetensors as the reference library does: widest dtypes first, then by name (UTF-8 order); header padded
/// with spaces to a multiple of 8 bytes; metadata first, its keys sorted. The same tensors give the same bytes.
/// </summary>
public static class SafeTensorsWriter
{
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes or replaces a file atomically (see <see cref="AtomicFile"/>).</summary>
    /// <param name="path">The file; its folder must exist. It may be open for reading.</param>
    /// <param name="weights">The tensors, in any order.</param>
    /// <param name="metadata">Free text; null for none.</param>
    /// <returns>Length and SHA-256 of the file.</returns>
    /// <exception cref="KdException">The file system refuses (KDP0560), or the content cannot be written (KDP0561).</exception>
    public static WrittenFile Write(
        string path,
        IEnumerable<WeightData> weights,
        IReadOnlyDictionary<string, string>? metadata = null
    )
    {
        ArgumentNullException.ThrowIfNull(weights);
        Plan plan = Plan.Make(weights, metadata, path);
        return AtomicFile.Write(path, plan.WriteTo);
    }

    /// <summary>Writes a whole safetensors file into a stream.</summary>
    /// <param name="stream">Takes the bytes from its current position.</param>
    /// <param name="weights">The tensors, in any order.</param>
    /// <param name="metadata">Free text; null for none.</param>
    /// <exception cref="KdException">The content cannot be written (KDP0561).</exception>
    public static void Write(
        Stream stream,
        IEnumerable<WeightData> weights,
        IReadOnlyDictionary<string, string>? metadata = null
    )
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(weights);
        Plan.Make(weights, metadata, "<stream>").WriteTo(stream);
    }

    /// <summary>Order, header and sizes, settled before the first byte is written.</summary>
    private sealed record Plan(string Origin, byte[] Header, List<(WeightData Weight, long Bytes)> Tensors)
    {
        public static Plan Make(
            IEnumerable<WeightData> weights,
            IReadOnlyDictionary<string, string>? metadata,
            string origin
        )
        {
            var tensors = weights.Select(weight => (Weight: weight, Bytes: CheckedSize(weight, origin))).ToList();
            tensors.Sort(static (a, b) => Compare(a.Weight, b.Weight));
            var names = new HashSet<string>(StringComparer.Ordinal);
            foreach (var (weight, _) in tensors)
            {
                if (weight.Name == SafeTensorsHeader.MetadataKey || !IsText(weight.Name) || !names.Add(weight.Name))
                {
                    throw Refuse(
                        origin,
                        $"the name {WeightFault.Quote(weight.Name)} is reserved, not valid text, or used twice."
                    );
                }
            }
            return new Plan(origin, HeaderFor(tensors, metadata, origin), tensors);
        }

        public void WriteTo(Stream stream)
        {
            Span<byte> length = stackalloc byte[SafeTensorsHeader.PrefixBytes];
            BinaryPrimitives.WriteInt64LittleEndian(length, Header.Length);
            stream.Write(length);
            stream.Write(Header);
            foreach (var (weight, bytes) in Tensors)
            {
                var counted = new MeteredStream(stream);
                weight.Write(counted);
                if (counted.Length != bytes)
                {
                    throw Refuse(
                        Origin,
                        $"tensor {WeightFault.Quote(weight.Name)} gave {counted.Length} bytes; its shape and dtype need {bytes}."
                    );
                }
            }
        }
    }

    private static int Compare(WeightData a, WeightData b)
    {
        int byDType = b.DType.CompareTo(a.DType);
        return byDType != 0
            ? byDType
            : Encoding.UTF8.GetBytes(a.Name).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(b.Name));
    }

    /// <summary>Bytes of a tensor; refuses what has no countable size.</summary>
    private static long CheckedSize(WeightData weight, string origin)
    {
        bool known = Enum.IsDefined(weight.DType) && weight.Shape.Count <= WeightLimits.MaxDimensions;
        return known && weight.DType.TryByteCount(weight.Shape.ToArray(), out long bytes)
            ? bytes
            : throw Refuse(
                origin,
                $"tensor {WeightFault.Quote(weight.Name)} has no countable size: {weight.DType} {WeightFault.Shape(weight.Shape)}."
            );
    }

    private static byte[] HeaderFor(
        List<(WeightData Weight, long Bytes)> tensors,
        IReadOnlyDictionary<string, string>? metadata,
        string origin
    )
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Plain))
        {
            json.WriteStartObject();
            WriteMetadata(json, metadata, origin);
            long begin = 0;
            foreach (var (weight, bytes) in tensors)
            {
                WriteTensor(json, weight, begin, begin += bytes);
            }
            json.WriteEndObject();
        }
        int padding = (8 - buffer.WrittenCount % 8) % 8;
        buffer.Write("        "u8[..padding]);
        return buffer.WrittenCount <= WeightLimits.MaxHeaderBytes
            ? buffer.WrittenSpan.ToArray()
            : throw Refuse(
                origin,
                $"the header would have {buffer.WrittenCount} bytes; {WeightLimits.MaxHeaderBytes} are allowed."
            );
    }

    private static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string>? metadata, string origin)
    {
        if (metadata is null || metadata.Count == 0)
        {
            return;
        }
        json.WriteStartObject(SafeTensorsHeader.MetadataKey);
        foreach ((string key, string value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (!IsText(key) || !IsText(value))
            {
                throw Refuse(origin, $"the metadata under {WeightFault.Quote(key)} is not valid text.");
            }
            json.WriteString(key, value);
        }
        json.WriteEndObject();
    }

    private static void WriteTensor(Utf8JsonWriter json, WeightData weight, long begin, long end)
    {
        json.WriteStartObject(weight.Name);
        json.WriteString("dtype", weight.DType.FormatName());
        json.WriteStartArray("shape");
        foreach (long dimension in weight.Shape)
        {
            json.WriteNumberValue(dimension);
        }
        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(begin);
        json.WriteNumberValue(end);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>False for null and for lone surrogates, which UTF-8 cannot hold.</summary>
    private static bool IsText(string? text)
    {
        for (ReadOnlySpan<char> rest = text; !rest.IsEmpty; )
        {
            if (Rune.DecodeFromUtf16(rest, out _, out int consumed) != OperationStatus.Done)
            {
                return false;
            }
            rest = rest[consumed..];
        }
        return text is not null;
    }

    private static KdException Refuse(string origin, string what) =>
        WeightFault.Of(WeightErrors.WriteInvalid, origin, what);
}
