using System.Globalization;
using System.Numerics;

namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>Gathers objects of an unpickled tree under the names of the keys that lead to them, joined with dots.</summary>
internal abstract class TreeCollector<T>(TreeWalk walk)
{
    private const int PositionCost = 48;

    /// <summary>What was gathered, in the order of the tree.</summary>
    public Dictionary<string, T> Table { get; } = new(StringComparer.Ordinal);

    protected TreeWalk Walk => walk;

    /// <summary>Gathers the object, or what is in it.</summary>
    public void Collect(object? node, string name, int depth = 0)
    {
        walk.Visit(node, depth);
        if (Take(node, name))
        {
            return;
        }
        if (node is PickleDict dict)
        {
            for (int i = 0; i < dict.Items.Count; i++)
            {
                Collect(dict.Items[i].Value, walk.Join(name, dict.Items[i].Key), depth + 1);
            }
        }
        else if (node is IReadOnlyList<object?> list)
        {
            for (int i = 0; i < list.Count; i++)
            {
                walk.Charge(PositionCost);
                Collect(list[i], walk.Join(name, i.ToString(CultureInfo.InvariantCulture)), depth + 1);
            }
        }
    }

    /// <summary>Whether the object is dealt with, and must not be entered.</summary>
    protected abstract bool Take(object? node, string name);

    protected void Add(string name, T item, int cost)
    {
        walk.Charge(cost);
        if (!Table.TryAdd(name, item))
        {
            throw walk.Fault(WeightErrors.NotAStateDict, $"two objects would be named {WeightFault.Quote(name)}.");
        }
    }

    /// <summary>A number, a text, or a list of nothing else.</summary>
    protected static bool IsPlain(object? node)
    {
        if (node is not IReadOnlyList<object?> list)
        {
            return IsScalar(node);
        }
        for (int i = 0; i < list.Count; i++)
        {
            if (!IsScalar(list[i]))
            {
                return false;
            }
        }
        return true;
    }

    private static bool IsScalar(object? value) => value is null or bool or long or BigInteger or double or string;
}

/// <summary>Gathers tensors, which may expand to so many bytes all together.</summary>
internal sealed class TensorCollector(TreeWalk walk, long mostBytes) : TreeCollector<TensorRef>(walk)
{
    /// <summary>What a named tensor costs: descriptions and entries in two tables.</summary>
    private const int TensorCost = 360;

    private long _left = mostBytes;

    protected override bool Take(object? node, string name)
    {
        if (node is StorageRef or GlobalRef)
        {
            throw Walk.Fault(
                WeightErrors.NotAStateDict,
                $"{WeightFault.Quote(name)} is neither a tensor nor a plain value."
            );
        }
        if (node is not TensorRef tensor)
        {
            return IsPlain(node);
        }
        _left = tensor.ByteLength > _left ? -1 : _left - tensor.ByteLength;
        if (_left < 0)
        {
            throw Walk.Fault(
                WeightErrors.PickleLimit,
                $"its tensors expand to far more bytes than the file has: over {WeightLimits.MaxTotalRatio} times."
            );
        }
        Add(name, tensor, TensorCost);
        return true;
    }
}

/// <summary>Gathers plain values. A list of nothing else is one value; other lists are named by position.</summary>
internal sealed class ValueCollector(TreeWalk walk) : TreeCollector<object?>(walk)
{
    /// <summary>What a named value costs: an entry in a table.</summary>
    private const int ValueCost = 140;

    protected override bool Take(object? node, string name)
    {
        if (!IsPlain(node))
        {
            return node is TensorRef;
        }
        Add(name, node, ValueCost);
        return true;
    }
}
