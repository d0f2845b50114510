using System.Globalization;
using System.Numerics;

namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>Names the tensors below a root, and the plain values of a tree, by the keys that lead to them.</summary>
internal static class TreeTables
{
    /// <summary>What a named tensor costs: descriptions and entries in two tables.</summary>
    private const int TensorCost = 360;

    /// <summary>What a named value costs: an entry in a table.</summary>
    private const int ValueCost = 140;

    /// <summary>The tensors, which may expand to <paramref name="mostBytes"/> all together.</summary>
    public static Dictionary<string, TensorRef> Tensors(object? root, TreeWalk walk, long mostBytes)
    {
        var tensors = new Dictionary<string, TensorRef>(StringComparer.Ordinal);
        long left = mostBytes;
        Collect(root, root is TensorRef ? "tensor" : "", 0);
        return tensors;

        void Collect(object? node, string name, int depth)
        {
            walk.Visit(node, depth);
            if (node is TensorRef tensor)
            {
                left = tensor.ByteLength > left ? -1 : left - tensor.ByteLength;
                if (left < 0)
                {
                    throw walk.Fault(WeightErrors.PickleLimit, $"its tensors expand to more than {mostBytes} bytes.");
                }
                Add(tensors, name, tensor, TensorCost, walk);
            }
            else if (node is StorageRef or GlobalRef)
            {
                throw walk.Fault(
                    WeightErrors.NotAStateDict,
                    $"{WeightFault.Quote(name)} is neither a tensor nor a plain value."
                );
            }
            else
            {
                Children(node, name, depth, walk, Collect);
            }
        }
    }

    /// <summary>The plain values. A list of nothing else is one value; other lists are named by position.</summary>
    public static Dictionary<string, object?> Values(object? tree, TreeWalk walk)
    {
        var values = new Dictionary<string, object?>(StringComparer.Ordinal);
        Collect(tree, "", 0);
        return values;

        void Collect(object? node, string name, int depth)
        {
            walk.Visit(node, depth);
            if (IsPlain(node) || (node is IReadOnlyList<object?> list && AllPlain(list)))
            {
                Add(values, name, node, ValueCost, walk);
            }
            else
            {
                Children(node, name, depth, walk, Collect);
            }
        }
    }

    private static void Children(
        object? node,
        string name,
        int depth,
        TreeWalk walk,
        Action<object?, string, int> collect
    )
    {
        if (node is PickleDict dict)
        {
            for (int i = 0; i < dict.Items.Count; i++)
            {
                collect(dict.Items[i].Value, walk.Join(name, dict.Items[i].Key), depth + 1);
            }
        }
        else if (node is IReadOnlyList<object?> list && !AllPlain(list))
        {
            for (int i = 0; i < list.Count; i++)
            {
                walk.Charge(48);
                collect(list[i], walk.Join(name, i.ToString(CultureInfo.InvariantCulture)), depth + 1);
            }
        }
    }

    private static bool AllPlain(IReadOnlyList<object?> list)
    {
        for (int i = 0; i < list.Count; i++)
        {
            if (!IsPlain(list[i]))
            {
                return false;
            }
        }
        return true;
    }

    private static bool IsPlain(object? value) => value is null or bool or long or BigInteger or double or string;

    private static void Add<T>(Dictionary<string, T> table, string name, T value, int cost, TreeWalk walk)
    {
        walk.Charge(cost);
        if (!table.TryAdd(name, value))
        {
            throw walk.Fault(WeightErrors.NotAStateDict, $"two objects would be named {WeightFault.Quote(name)}.");
        }
    }
}
