namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>
/// What the objects of a pickle may take in memory, all together: a fixed multiple of the bytes that describe them. A
/// pickle says much with single bytes, and repeats objects by reference, so that its length alone bounds nothing.
/// </summary>
internal sealed class MemoryCredit(long pickleBytes)
{
    private long _left = WeightLimits.FreeBytes + WeightLimits.PickleMemoryRatio * pickleBytes;

    /// <summary>Books about so many bytes; false where there is no credit left.</summary>
    public bool TryTake(long bytes)
    {
        _left -= bytes;
        return _left >= 0;
    }
}

/// <summary>What a PyTorch file holds, before names are given.</summary>
/// <param name="Tree">The unpickled object.</param>
/// <param name="PickleLength">Bytes of the pickles.</param>
/// <param name="Credit">What is left for names and tables.</param>
/// <param name="Storages">Where the numbers are.</param>
internal sealed record PickledState(object? Tree, long PickleLength, MemoryCredit Credit, StorageTable Storages);
