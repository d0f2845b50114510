namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>Finds the part of a checkpoint that holds the weights.</summary>
internal sealed class RootFinder(TreeWalk walk)
{
    private const int PartsInMessage = 20;

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
        "params",
        "weights",
        "state_dict_ema",
        "ema_state_dict",
        "model_ema",
        "ema_model",
        "ema",
        "params_ema",
        "teacher",
    ];

    private readonly List<string> _others = [];

    /// <summary>Usual parts beside those that were gone through that hold tensors, too.</summary>
    public IReadOnlyList<string> Others => _others;

    /// <summary>The outermost dictionary that holds tensors directly, by the usual keys or by being the only way.</summary>
    public (object? Node, string Path) Discover(object? tree) => Discover(tree, "", 0) ?? (tree, "");

    /// <summary>The part that the user named.</summary>
    public object? Descend(object? tree, string root) => Descend(tree, root, 0) ?? throw NotFound(tree, root);

    private (object? Node, string Path)? Discover(object? node, string path, int depth)
    {
        walk.Visit(node, depth);
        if (node is not PickleDict dict)
        {
            return null;
        }
        for (int i = 0; i < dict.Items.Count; i++)
        {
            if (dict.Items[i].Value is TensorRef)
            {
                return (node, path);
            }
        }
        foreach (string usual in UsualRoots)
        {
            if (
                dict.TryGetValue(usual, out object? child)
                && Discover(child, walk.Join(path, usual), depth + 1) is { } found
            )
            {
                AddOthers(dict, usual, path, depth);
                return found;
            }
        }
        return OnlyPart(dict, path, depth);
    }

    private void AddOthers(PickleDict dict, string taken, string path, int depth)
    {
        foreach (string usual in UsualRoots)
        {
            if (usual != taken && dict.TryGetValue(usual, out object? child) && HoldsTensors(child, depth + 1))
            {
                _others.Add(walk.Join(path, usual));
            }
        }
    }

    /// <summary>One part with tensors is the model; of several, none is preferred.</summary>
    private (object? Node, string Path)? OnlyPart(PickleDict dict, string path, int depth)
    {
        KeyValuePair<object, object?>? only = null;
        for (int i = 0; i < dict.Items.Count; i++)
        {
            if (!HoldsTensors(dict.Items[i].Value, depth + 1))
            {
                continue;
            }
            if (only is not null)
            {
                return (dict, path);
            }
            only = dict.Items[i];
        }
        return only is { } part ? Discover(part.Value, walk.Join(path, part.Key), depth + 1) ?? (dict, path) : null;
    }

    private bool HoldsTensors(object? node, int depth)
    {
        walk.Visit(node, depth);
        switch (node)
        {
            case TensorRef:
                return true;
            case PickleDict dict:
                for (int i = 0; i < dict.Items.Count; i++)
                {
                    if (HoldsTensors(dict.Items[i].Value, depth + 1))
                    {
                        return true;
                    }
                }
                return false;
            case IReadOnlyList<object?> list:
                for (int i = 0; i < list.Count; i++)
                {
                    if (HoldsTensors(list[i], depth + 1))
                    {
                        return true;
                    }
                }
                return false;
            default:
                return false;
        }
    }

    /// <summary>Follows a dotted path; keys may hold dots themselves.</summary>
    private object? Descend(object? node, string path, int depth)
    {
        walk.Visit(node, depth);
        if (node is not PickleDict dict)
        {
            return null;
        }
        for (int i = 0; i < dict.Items.Count; i++)
        {
            string key = walk.Text(dict.Items[i].Key);
            object? child = dict.Items[i].Value;
            if (key == path)
            {
                return child;
            }
            bool leads =
                path.Length > key.Length && path[key.Length] == '.' && path.StartsWith(key, StringComparison.Ordinal);
            if (leads && Descend(child, path[(key.Length + 1)..], depth + 1) is { } found)
            {
                return found;
            }
        }
        return null;
    }

    private KdException NotFound(object? tree, string root)
    {
        IEnumerable<string> parts = tree is PickleDict dict
            ? dict.Items.Take(PartsInMessage).Select(item => WeightFault.Quote(walk.Text(item.Key)))
            : [];
        return walk.Fault(
            WeightErrors.RootNotFound,
            $"there is no {WeightFault.Quote(root)}; its parts are {string.Join(", ", parts)}."
        );
    }
}
