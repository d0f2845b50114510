using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Unicode;

namespace KdPlugins.Torch.Weights;

/// <summary>
/// Reads and checks the header of a safetensors file: 8 bytes of length, JSON, then the data. Every guarantee of the
/// format is checked here, before anything of the data is touched.
/// </summary>
internal sealed class SafeTensorsHeader
{
    /// <summary>Bytes of the length that a file starts with.</summary>
    public const int PrefixBytes = 8;

    /// <summary>The key that is no tensor.</summary>
    public const string MetadataKey = "__metadata__";

    private readonly string _origin;
    private readonly List<(string Name, WeightDType DType, long[] Shape, long Begin, long End)> _tensors = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);

    private SafeTensorsHeader(string origin) => _origin = origin;

    /// <summary>The tensors in file order, with positions counted from the start of the file.</summary>
    public Dictionary<string, WeightEntry> Entries { get; } = new(StringComparer.Ordinal);

    /// <summary>The free text of the file.</summary>
    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    public static SafeTensorsHeader Read(ByteSource bytes, string origin)
    {
        var header = new SafeTensorsHeader(origin);
        int length = header.CheckedLength(bytes);
        header.Parse(bytes.Span(PrefixBytes, length));
        header.Place(PrefixBytes + length, bytes.Length);
        return header;
    }

    private int CheckedLength(ByteSource bytes)
    {
        if (bytes.Length < PrefixBytes)
        {
            throw Fault(
                WeightErrors.HeaderTruncated,
                $"{bytes.Length} bytes; a safetensors file starts with 8 bytes of length."
            );
        }
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(bytes.Span(0, PrefixBytes));
        if (length > WeightLimits.MaxHeaderBytes)
        {
            throw Fault(
                WeightErrors.HeaderTooLarge,
                $"the header is said to have {length} bytes; at most {WeightLimits.MaxHeaderBytes} are allowed."
            );
        }
        if ((long)length > bytes.Length - PrefixBytes)
        {
            throw Fault(
                WeightErrors.HeaderTruncated,
                $"the header is said to have {length} bytes; only {bytes.Length - PrefixBytes} follow."
            );
        }
        return (int)length;
    }

    private void Parse(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty || text[0] != '{')
        {
            throw Fault(WeightErrors.HeaderInvalid, "the header does not start with '{'.");
        }
        if (!Utf8.IsValid(text))
        {
            throw Fault(WeightErrors.HeaderInvalid, "the header is not UTF-8.");
        }
        try
        {
            var json = new Utf8JsonReader(text, StrictJson.Options);
            ParseObject(ref json);
        }
        // InvalidOperationException: an escaped lone surrogate has no UTF-16 form.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Fault(WeightErrors.HeaderInvalid, $"the header is not the JSON of the format: {e.Message}.", e);
        }
    }

    private void ParseObject(ref Utf8JsonReader json)
    {
        StrictJson.Expect(ref json, JsonTokenType.StartObject, "the header");
        while (StrictJson.NextProperty(ref json, out string name))
        {
            if (!_names.Add(name))
            {
                throw Fault(WeightErrors.DuplicateKey, $"the header names {WeightFault.Quote(name)} twice.");
            }
            if (name == MetadataKey)
            {
                ParseMetadata(ref json);
            }
            else
            {
                ParseTensor(ref json, name);
            }
        }
        StrictJson.ExpectEnd(ref json);
    }

    private void ParseMetadata(ref Utf8JsonReader json)
    {
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
        {
            throw Fault(WeightErrors.MetadataInvalid, $"{MetadataKey} must be an object.");
        }
        while (StrictJson.NextProperty(ref json, out string key))
        {
            if (!json.Read() || json.TokenType != JsonTokenType.String)
            {
                throw Fault(
                    WeightErrors.MetadataInvalid,
                    $"{MetadataKey} has a value that is no string under {WeightFault.Quote(key)}."
                );
            }
            if (!Metadata.TryAdd(key, json.GetString()!))
            {
                throw Fault(WeightErrors.DuplicateKey, $"{MetadataKey} names {WeightFault.Quote(key)} twice.");
            }
        }
    }

    private void ParseTensor(ref Utf8JsonReader json, string name)
    {
        WeightDType? dtype = null;
        long[]? shape = null;
        long[]? range = null;
        StrictJson.Expect(ref json, JsonTokenType.StartObject, "a tensor");
        while (StrictJson.NextProperty(ref json))
        {
            if (json.ValueTextEquals("dtype"u8))
            {
                Once(dtype is null, name, "dtype");
                dtype = ParseDType(ref json, name);
            }
            else if (json.ValueTextEquals("shape"u8))
            {
                Once(shape is null, name, "shape");
                shape = StrictJson.Integers(ref json, WeightLimits.MaxDimensions, "a shape");
            }
            else if (json.ValueTextEquals("data_offsets"u8))
            {
                Once(range is null, name, "data_offsets");
                range = StrictJson.Integers(ref json, 2, "data_offsets");
            }
            else
            {
                throw new JsonException($"a tensor has the unknown key {WeightFault.Quote(json.GetString()!)}");
            }
        }
        if (dtype is null || shape is null || range is not { Length: 2 })
        {
            throw new JsonException($"tensor {WeightFault.Quote(name)} must have dtype, shape and two data_offsets");
        }
        _tensors.Add((name, dtype.Value, shape, range[0], range[1]));
    }

    private void Once(bool first, string name, string key)
    {
        if (!first)
        {
            throw Fault(WeightErrors.DuplicateKey, $"tensor {WeightFault.Quote(name)} has {key} twice.");
        }
    }

    private WeightDType ParseDType(ref Utf8JsonReader json, string name)
    {
        StrictJson.Expect(ref json, JsonTokenType.String, "a dtype");
        foreach (WeightDType dtype in WeightDTypes.All)
        {
            if (json.ValueTextEquals(dtype.FormatName()))
            {
                return dtype;
            }
        }
        throw Fault(
            WeightErrors.UnknownDType,
            $"tensor {WeightFault.Quote(name)} has the unknown dtype {WeightFault.Quote(json.GetString()!)}."
        );
    }

    /// <summary>Sorted by offset, the ranges must start at 0, leave no gap, not overlap, and end at the last byte.</summary>
    private void Place(long dataStart, long fileLength)
    {
        _tensors.Sort(static (a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        Entries.EnsureCapacity(_tensors.Count);
        long reached = 0;
        foreach (var (name, dtype, shape, begin, end) in _tensors)
        {
            if (begin != reached || end < begin)
            {
                throw Fault(
                    WeightErrors.OffsetsInvalid,
                    $"tensor {WeightFault.Quote(name)} lies at {begin} to {end}; it must start at {reached}."
                );
            }
            bool countable = dtype.TryByteCount(shape, out long bytes);
            if (!countable || bytes != end - begin)
            {
                throw Fault(
                    WeightErrors.SizeMismatch,
                    $"tensor {WeightFault.Quote(name)} has {end - begin} bytes; {dtype.FormatName()} "
                        + $"{WeightFault.Shape(shape)} needs {(countable ? bytes.ToString() : "more than can be addressed")}."
                );
            }
            Entries.Add(name, new WeightEntry(name, dtype, shape, bytes, dataStart + begin));
            reached = end;
        }
        if (reached != fileLength - dataStart)
        {
            throw Fault(
                WeightErrors.LengthMismatch,
                $"the tensors take {reached} bytes, {fileLength - dataStart} follow the header."
            );
        }
    }

    private KdException Fault(ErrorCode code, string what, Exception? inner = null) =>
        WeightFault.Of(code, _origin, what, inner);
}
