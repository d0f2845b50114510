namespace KdPlugins.Torch.Weights;

/// <summary>
/// What a weight file may ask for. Every number of a file is checked against one of these, or against the length of
/// the file, before anything is allocated.
/// </summary>
internal static class WeightLimits
{
    /// <summary>Longest safetensors header, bytes: the limit of the format.</summary>
    public const int MaxHeaderBytes = 100_000_000;

    /// <summary>Most dimensions of a tensor: libtorch's own limit.</summary>
    public const int MaxDimensions = 64;

    /// <summary>Longest pickle, bytes. A thousand layers take some 300 KB.</summary>
    public const int MaxPickleBytes = 64 << 20;

    /// <summary>Deepest nesting of dictionaries, lists and tuples.</summary>
    public const int MaxDepth = 64;

    /// <summary>Most remembered objects of a pickle.</summary>
    public const int MaxMemo = 1 << 22;

    /// <summary>Most objects on the stack of a pickle. Picklers write at most 1,000 items at once.</summary>
    public const int MaxStack = 1 << 17;

    /// <summary>Longest string of a pickle, bytes.</summary>
    public const int MaxStringBytes = 1 << 20;

    /// <summary>Longest module or class name of a pickle, bytes.</summary>
    public const int MaxGlobalBytes = 256;

    /// <summary>Objects may take this many times the bytes of the pickle that describes them.</summary>
    public const int PickleMemoryRatio = 32;

    /// <summary>One compressed zip entry may grow by at most this factor.</summary>
    public const int MaxEntryRatio = 100;

    /// <summary>
    /// Everything inflated, and everything that strided views expand to, may take at most this many times the file,
    /// and <see cref="FreeBytes"/> more.
    /// </summary>
    public const int MaxTotalRatio = 8;

    /// <summary>What small files may exceed the ratios by, bytes.</summary>
    public const int FreeBytes = 64 << 10;

    /// <summary>The most bytes that a file of this length may become in memory.</summary>
    public static long TotalFor(long fileLength) =>
        FreeBytes + MaxTotalRatio * Math.Min(fileLength, long.MaxValue / 16);
}
