namespace KdPlugins.Torch;

/// <summary>
/// A random order of 0, 1, ..., n - 1 as a pure function of (seed, index): data order without state. Any place is found
/// in constant time and memory, so a run goes on in the middle of an epoch, and workers cannot change the order.
/// </summary>
/// <remarks>
/// A Feistel network over [0, a) x [0, b) with a b just above n; what falls at or above n is sent through again
/// (cycle walking: Black and Rogaway 2002). Up to <see cref="TableLimit"/> items a shuffled table is used instead, since
/// a network over few items does not reach every order. Immutable, for any number of threads.
/// </remarks>
public sealed class SeededPermutation
{
    /// <summary>Up to this count every order is equally likely.</summary>
    public const int TableLimit = 4096;
    private const int Rounds = 8;

    private readonly ulong[] _keys = new ulong[Rounds];
    private readonly int[]? _table;
    private readonly ulong _left;
    private readonly ulong _right;

    /// <summary>Fixes the order.</summary>
    /// <param name="seed">Any value, such as <c>Seed.Derive(run, "order", epoch)</c>.</param>
    /// <param name="count">How many items: 0 to 2^62.</param>
    /// <exception cref="KdException"><c>KDP0004</c>: the count is out of range.</exception>
    public SeededPermutation(ulong seed, long count)
    {
        if (count is < 0 or > 1L << 62)
            throw new KdException(TorchErrors.BadArgument, $"A random order of {count} items; expected 0 to 2^62.");
        Count = count;
        if (count <= TableLimit)
        {
            _table = [.. Enumerable.Range(0, (int)count)];
            new SeededRandom(seed).Shuffle(_table.AsSpan());
            return;
        }
        for (var i = 0; i < Rounds; i++)
            _keys[i] = Seed.Derive(seed, i);
        _left = (ulong)Math.Ceiling(Math.Sqrt(count));
        _right = ((ulong)count + _left - 1) / _left;
    }

    /// <summary>How many items there are.</summary>
    public long Count { get; }

    /// <summary>The item at a place of the order.</summary>
    /// <param name="index">From 0 to <see cref="Count"/> - 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such place.</exception>
    public long this[long index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            if (_table is not null)
                return _table[index];
            var value = (ulong)index;
            do value = Once(value);
            while (value >= (ulong)Count);
            return (long)value;
        }
    }

    private ulong Once(ulong value)
    {
        var (left, right) = (value / _right, value % _right);
        for (var i = 0; i < Rounds; i += 2)
        {
            left = (left + Seed.Mix(_keys[i] ^ right) % _left) % _left;
            right = (right + Seed.Mix(_keys[i + 1] ^ left) % _right) % _right;
        }
        return left * _right + right;
    }
}
