using System.Text;

namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>The format that torch.save writes: a zip container with <c>data.pkl</c> and one entry per storage.</summary>
internal static class ZipReader
{
    private const string PickleName = "/data.pkl";

    /// <summary>Reads the pickle, and checks that the storages are there.</summary>
    public static PickledState Read(ByteSource bytes, string origin, bool verify)
    {
        Dictionary<string, ZipEntry> entries = ZipDirectory.Read(bytes, origin);
        string prefix = FindPrefix(entries, origin);
        CheckByteOrder(bytes, entries, prefix, origin, verify);
        ZipEntry pickle = entries[prefix + PickleName[1..]];
        if (pickle.Size > WeightLimits.MaxPickleBytes)
        {
            throw Fault(
                WeightErrors.PickleLimit,
                origin,
                $"data.pkl has {pickle.Size} bytes; at most {WeightLimits.MaxPickleBytes} are read."
            );
        }
        ReadOnlySpan<byte> text = Content(bytes, pickle, origin, verify);
        var refs = new Dictionary<string, StorageRef>(StringComparer.Ordinal);
        var credit = new MemoryCredit(text.Length);
        object? tree = Unpickler.Read(text, origin, refs, credit, out int consumed);
        if (consumed != text.Length)
        {
            throw Fault(WeightErrors.PickleInvalid, origin, $"{text.Length - consumed} bytes follow the pickle.");
        }
        var storages = new ZipStorages(bytes, origin, entries, prefix, verify);
        storages.Check(refs.Values);
        return new PickledState(tree, text.Length, credit, storages);
    }

    /// <summary>All entries lie in one folder, which holds data.pkl and no code.</summary>
    private static string FindPrefix(Dictionary<string, ZipEntry> entries, string origin)
    {
        string[] pickles =
        [
            .. entries.Keys.Where(static name => name.EndsWith(PickleName, StringComparison.Ordinal)).Take(2),
        ];
        if (pickles.Length != 1)
        {
            throw Fault(
                WeightErrors.NotAStateDict,
                origin,
                "the zip container must hold exactly one data.pkl, in a folder."
            );
        }
        string prefix = pickles[0][..^(PickleName.Length - 1)];
        if (
            entries.ContainsKey(prefix + "constants.pkl")
            || entries.Keys.Any(name => name.StartsWith(prefix + "code/", StringComparison.Ordinal))
        )
        {
            throw new KdException(
                WeightErrors.NotAStateDict,
                $"{WeightFault.Quote(origin)}: it is a TorchScript program, which holds code.",
                WeightErrors.ConvertScript
            );
        }
        return prefix;
    }

    private static void CheckByteOrder(
        ByteSource bytes,
        Dictionary<string, ZipEntry> entries,
        string prefix,
        string origin,
        bool verify
    )
    {
        if (!entries.TryGetValue(prefix + "byteorder", out ZipEntry? entry))
        {
            return; // files before PyTorch 2.1 do not say; they come from little-endian machines
        }
        string order = entry.Size <= 16 ? Encoding.Latin1.GetString(Content(bytes, entry, origin, verify)) : "too long";
        if (order != "little")
        {
            throw Fault(WeightErrors.ByteOrder, origin, $"its byte order is {WeightFault.Quote(order)}.");
        }
    }

    private static ReadOnlySpan<byte> Content(ByteSource bytes, ZipEntry entry, string origin, bool verify)
    {
        if (entry.Deflated)
        {
            return ZipContent.Inflate(bytes, entry, origin, verify);
        }
        if (verify)
        {
            ZipContent.CheckCrc(bytes, entry, origin);
        }
        return bytes.Span(entry.Start, (int)entry.Size);
    }

    private static KdException Fault(ErrorCode code, string origin, string what) => WeightFault.Of(code, origin, what);
}
