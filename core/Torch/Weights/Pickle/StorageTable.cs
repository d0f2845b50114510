namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>Where the numbers of a PyTorch file are: each storage a run of bytes.</summary>
internal abstract class StorageTable
{
    /// <summary>Bytes of one storage, from <paramref name="start"/>.</summary>
    public abstract ReadOnlySpan<byte> Span(StorageRef storage, long start, int count);

    /// <summary>Offset of a storage in the file, or -1 where the file does not hold it as it is.</summary>
    public abstract long FileStart(StorageRef storage);
}

/// <summary>The storages of the zip format, one entry each, checked by CRC-32 when they are first used.</summary>
internal sealed class ZipStorages(
    ByteSource bytes,
    string origin,
    IReadOnlyDictionary<string, ZipEntry> entries,
    string prefix,
    bool verify
) : StorageTable
{
    private readonly Lock _lock = new();
    private readonly HashSet<string> _verified = new(StringComparer.Ordinal);
    private readonly Dictionary<string, byte[]> _inflated = new(StringComparer.Ordinal);

    /// <summary>Refuses storages that the file does not hold, or holds in another size.</summary>
    public void Check(IEnumerable<StorageRef> storages)
    {
        foreach (StorageRef storage in storages)
        {
            if (!entries.TryGetValue(Name(storage), out ZipEntry? entry))
            {
                throw Fault(WeightErrors.StorageInvalid, $"storage {WeightFault.Quote(storage.Key)} is missing.");
            }
            if (entry.Size != storage.ByteLength)
            {
                throw Fault(
                    WeightErrors.StorageInvalid,
                    $"storage {WeightFault.Quote(storage.Key)} has {entry.Size} bytes; {storage.Count} elements of "
                        + $"{storage.DType.FormatName()} need {storage.ByteLength}."
                );
            }
        }
    }

    public override long FileStart(StorageRef storage)
    {
        ZipEntry entry = entries[Name(storage)];
        return entry.Deflated ? -1 : entry.Start;
    }

    public override ReadOnlySpan<byte> Span(StorageRef storage, long start, int count)
    {
        ZipEntry entry = entries[Name(storage)];
        lock (_lock)
        {
            if (!entry.Deflated)
            {
                if (verify && _verified.Add(entry.Name))
                {
                    try
                    {
                        ZipContent.CheckCrc(bytes, entry, origin);
                    }
                    catch
                    {
                        _verified.Remove(entry.Name); // fail again next time
                        throw;
                    }
                }
                return bytes.Span(entry.Start + start, count);
            }
            if (!_inflated.TryGetValue(entry.Name, out byte[]? content))
            {
                _inflated.Add(entry.Name, content = ZipContent.Inflate(bytes, entry, origin, verify));
            }
            return content.AsSpan((int)start, count);
        }
    }

    private string Name(StorageRef storage) => $"{prefix}data/{storage.Key}";

    private KdException Fault(ErrorCode code, string what) => WeightFault.Of(code, origin, what);
}

/// <summary>The storages of the legacy format: runs of bytes behind the pickles.</summary>
internal sealed class LegacyStorages(ByteSource bytes, IReadOnlyDictionary<string, long> starts) : StorageTable
{
    public override long FileStart(StorageRef storage) => starts[storage.Key];

    public override ReadOnlySpan<byte> Span(StorageRef storage, long start, int count) =>
        bytes.Span(starts[storage.Key] + start, count);
}
