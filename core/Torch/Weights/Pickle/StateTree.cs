using System.Globalization;

namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>
/// Names the tensors and plain values of an unpickled tree. A pickle can share objects, so that a small one describes a
/// huge tree: depth, visits, letters of names and bytes of tensors are all limited.
/// </summary>
internal sealed class StateTree
{
    /// <summary>Where training scripts keep the weights, most telling first.</summary>
    private static readonly string[] UsualRoots =
    [
        "state_dict",
        "model_state_dict",
        "model",
        "student",
        "net",
        "network",
        "module",
    ];

    /// <summary>A tree is walked a few times, and every honest object takes a byte and more.</summary>
    private const int VisitsPerByte = 16;

    private readonly string _origin;
    private readonly long _fileLength;
    private long _visits;
    private long _letters;
    private long _bytes;

    public StateTree(string origin, long fileLength, long pickleLength)
    {
        _origin = origin;
        _fileLength = fileLength;
        _visits = VisitsPerByte * pickleLength;
        _letters = WeightLimits.FreeBytes + WeightLimits.PickleMemoryRatio / 2 * pickleLength;
        _bytes = WeightLimits.TotalFor(fileLength);
    }

    /// <summary>Tensors under the chosen root, by dotted name.</summary>
    public Dictionary<string, TensorRef> Tensors { get; } = new(StringComparer.Ordinal);

    /// <summary>Plain values of the whole tree, by dotted name.</summary>
    public Dictionary<string, object?> Values { get; } = new(StringComparer.Ordinal);

    /// <summary>Finds the root (null: by itself), and fills the tables. Returns its dotted path.</summary>
    public string Fill(object? tree, string? root)
    {
        object? start = tree;
        string path = root ?? "";
        if (root is null)
        {
            (start, path) = Discover(tree, "", 0) ?? (tree, "");
        }
        else if (root.Length > 0)
        {
            start = Descend(tree, root, 0) ?? throw NoRoot(tree, root);
        }
        Collect(start, start is TensorRef ? "tensor" : "", 0, tensors: true);
        Collect(tree, "", 0, tensors: false);
        if (Tensors.Count == 0)
        {
            throw WeightFault.Of(
                WeightErrors.NotAStateDict,
                _origin,
                $"there is no tensor under {WeightFault.Quote(path)}."
            );
        }
        return path;
    }

    private (object? Node, string Path)? Discover(object? node, string path, int depth)
    {
        Visit(depth);
        if (node is not PickleDict dict)
        {
            return null;
        }
        if (dict.Items.Values.Any(static value => value is TensorRef))
        {
            return (node, path);
        }
        foreach (string usual in UsualRoots)
        {
            if (
                dict.Items.TryGetValue(usual, out object? child)
                && Discover(child, Join(path, usual), depth + 1) is { } found
            )
            {
                return found;
            }
        }
        // One part with tensors is the model; of several, none is preferred.
        object[] parts =
        [
            .. dict.Items.Where(item => HoldsTensors(item.Value, depth + 1)).Select(static item => item.Key).Take(2),
        ];
        return parts.Length switch
        {
            0 => null,
            1 => Discover(dict.Items[parts[0]], Join(path, Text(parts[0])), depth + 1) ?? (node, path),
            _ => (node, path),
        };
    }

    private bool HoldsTensors(object? node, int depth)
    {
        Visit(depth);
        return node switch
        {
            TensorRef => true,
            PickleDict dict => dict.Items.Values.Any(child => HoldsTensors(child, depth + 1)),
            IReadOnlyList<object?> items => items.Any(child => HoldsTensors(child, depth + 1)),
            _ => false,
        };
    }

    /// <summary>Follows a dotted path; keys may hold dots themselves.</summary>
    private object? Descend(object? node, string path, int depth)
    {
        Visit(depth);
        if (node is not PickleDict dict)
        {
            return null;
        }
        foreach ((object key, object? child) in dict.Items)
        {
            string text = Text(key);
            if (text == path)
            {
                return child;
            }
            if (
                path.StartsWith(text + ".", StringComparison.Ordinal)
                && Descend(child, path[(text.Length + 1)..], depth + 1) is { } found
            )
            {
                return found;
            }
        }
        return null;
    }

    private void Collect(object? node, string name, int depth, bool tensors)
    {
        Visit(depth);
        switch (node)
        {
            case PickleDict dict:
                foreach ((object key, object? child) in dict.Items)
                {
                    Collect(child, Join(name, Text(key)), depth + 1, tensors);
                }
                break;
            case IReadOnlyList<object?> items:
                for (int i = 0; i < items.Count; i++)
                {
                    Collect(items[i], Join(name, i.ToString(CultureInfo.InvariantCulture)), depth + 1, tensors);
                }
                break;
            case TensorRef tensor when tensors:
                AddTensor(name, tensor);
                break;
            case TensorRef:
                break;
            case StorageRef or GlobalRef:
                throw WeightFault.Of(
                    WeightErrors.NotAStateDict,
                    _origin,
                    $"{WeightFault.Quote(name)} is neither a tensor nor a plain value."
                );
            case var value when !tensors:
                AddOnce(Values, name, value);
                break;
        }
    }

    private void AddTensor(string name, TensorRef tensor)
    {
        _bytes = tensor.ByteLength > _bytes ? -1 : _bytes - tensor.ByteLength;
        if (_bytes < 0)
        {
            throw WeightFault.Of(
                WeightErrors.PickleLimit,
                _origin,
                $"its tensors expand to more than {WeightLimits.MaxTotalRatio} times the {_fileLength} bytes of the file."
            );
        }
        AddOnce(Tensors, name, tensor);
    }

    private void AddOnce<T>(Dictionary<string, T> table, string name, T value)
    {
        if (!table.TryAdd(name, value))
        {
            throw WeightFault.Of(
                WeightErrors.NotAStateDict,
                _origin,
                $"two objects would be named {WeightFault.Quote(name)}."
            );
        }
    }

    private string Join(string prefix, string key)
    {
        _letters -= prefix.Length + key.Length + 1;
        if (_letters < 0)
        {
            throw WeightFault.Of(
                WeightErrors.PickleLimit,
                _origin,
                "the names of its tensors are longer than any honest ones."
            );
        }
        return prefix.Length == 0 ? key : $"{prefix}.{key}";
    }

    private void Visit(int depth)
    {
        if (depth > WeightLimits.MaxDepth || --_visits < 0)
        {
            throw WeightFault.Of(
                WeightErrors.PickleLimit,
                _origin,
                $"its objects are nested deeper than {WeightLimits.MaxDepth}, in a circle, or repeated without end."
            );
        }
    }

    private KdException NoRoot(object? tree, string root)
    {
        IEnumerable<string> parts = tree is PickleDict dict
            ? dict.Items.Keys.Take(20).Select(key => WeightFault.Quote(Text(key)))
            : [];
        return WeightFault.Of(
            WeightErrors.RootNotFound,
            _origin,
            $"there is no {WeightFault.Quote(root)}; its parts are {string.Join(", ", parts)}."
        );
    }

    private static string Text(object key) => Convert.ToString(key, CultureInfo.InvariantCulture)!;
}
