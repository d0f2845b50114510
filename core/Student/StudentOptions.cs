namespace KdPlugins;

/// <summary>How a student computes.</summary>
public sealed record StudentOptions
{
    /// <summary>Threads that one answer is computed with.</summary>
    /// <value>0 (one per processor core) to 1024; default 0.</value>
    public int Threads { get; init; }

    /// <summary>Whether threads that have nothing to do wait busily for the next answer, which is quicker and takes processor time.</summary>
    /// <value>Default false.</value>
    public bool BusyWaiting { get; init; }

    /// <summary>The largest image that is decoded, in millions of pixels.</summary>
    /// <value>1 to 1000; default 100.</value>
    public int MaxMegapixels { get; init; } = 100;

    internal StudentOptions Checked()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(Threads);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Threads, 1024);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxMegapixels, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxMegapixels, 1000);
        return this;
    }
}
