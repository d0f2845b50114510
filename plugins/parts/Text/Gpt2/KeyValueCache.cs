using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Text;

/// <summary>
/// Keys and values of texts of different lengths. The n-th token of a text lies at place n: what is cut off, or only fills a row up, is
/// written over before anything looks at it, since a token sees no place behind its own.
/// </summary>
internal sealed class KeyValueCache : IDisposable
{
    private const long LeastPlaces = 32;
    private readonly (Tensor Keys, Tensor Values)[] _blocks;
    private readonly long _positions;

    /// <param name="blocks">Of the network.</param>
    /// <param name="sequences">B.</param>
    /// <param name="positions">The longest text.</param>
    /// <param name="device">Where the network is.</param>
    internal KeyValueCache(int blocks, long sequences, long positions, Device device)
    {
        (_blocks, _positions) = (new (Tensor, Tensor)[blocks], positions);
        Lengths = zeros([sequences], ScalarType.Int64, device).DetachFromDisposeScope();
    }

    /// <summary>int64 <c>[B]</c>: of the texts so far.</summary>
    internal Tensor Lengths { get; private set; }

    /// <summary>Places that have room, beyond which one takes what fills rows up.</summary>
    internal long Places { get; private set; }

    /// <summary>Sees to it that there is room for places.</summary>
    /// <param name="least">How many.</param>
    internal void Reserve(long least)
    {
        if (least <= Places)
            return;
        var places = Math.Min(_positions, Math.Max(Math.Max(least, 2 * Places), LeastPlaces));
        for (var i = 0; i < _blocks.Length; i++)
            if (_blocks[i].Keys is not null)
                _blocks[i] = (Grown(_blocks[i].Keys, places), Grown(_blocks[i].Values, places));
        Places = places;
    }

    /// <summary>Writes what is new of a block, and gives all of it up to a place.</summary>
    /// <param name="block">Its number.</param>
    /// <param name="keys"><c>[B, heads, L, d]</c>.</param>
    /// <param name="values">The same.</param>
    /// <param name="at">int64 <c>[B, L]</c>: where each goes.</param>
    /// <param name="until">How many places are looked at.</param>
    internal (Tensor Keys, Tensor Values) Put(int block, Tensor keys, Tensor values, Tensor at, long until)
    {
        if (_blocks[block].Keys is null)
        {
            var shape = keys.shape;
            shape[2] = Places + 1;
            _blocks[block] = (Empty(shape, keys), Empty(shape, values));
        }
        var index = at.view(at.shape[0], 1, at.shape[1], 1).expand(keys.shape);
        _blocks[block].Keys.scatter_(2, index, keys);
        _blocks[block].Values.scatter_(2, index, values);
        return (_blocks[block].Keys.narrow(2, 0, until), _blocks[block].Values.narrow(2, 0, until));
    }

    /// <summary>Sets the lengths.</summary>
    /// <param name="lengths">int64 <c>[B]</c>, copied.</param>
    internal void Set(Tensor lengths) => Lengths.copy_(lengths);

    public void Dispose()
    {
        foreach (var (keys, values) in _blocks)
        {
            keys?.Dispose();
            values?.Dispose();
        }
        Lengths.Dispose();
    }

    private static Tensor Empty(long[] shape, Tensor like) =>
        zeros(shape, like.dtype, like.device).DetachFromDisposeScope();

    private Tensor Grown(Tensor old, long places)
    {
        var shape = old.shape;
        shape[2] = places + 1;
        var grown = Empty(shape, old);
        grown.narrow(2, 0, Places).copy_(old.narrow(2, 0, Places));
        old.Dispose();
        return grown;
    }
}
