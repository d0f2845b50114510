namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>
/// A dictionary of the pickle, plain or ordered. Keys are strings or 64-bit integers. Checkpoints hold thousands of
/// small ones, so the hash table is made only where there are many items.
/// </summary>
internal sealed class PickleDict(bool ordered)
{
    private const int FewItems = 8;
    private const int ItemCost = 32;
    private const int IndexCost = 72;

    private static readonly List<KeyValuePair<object, object?>> None = [];
    private List<KeyValuePair<object, object?>> _items = None;
    private Dictionary<object, int>? _index;

    /// <summary>What an empty one takes in memory, bytes.</summary>
    public const int EmptyCost = 48;

    public bool Ordered { get; } = ordered;

    public IReadOnlyList<KeyValuePair<object, object?>> Items => _items;

    /// <summary>What the next item adds in memory, bytes.</summary>
    public int NextCost =>
        _items.Count switch
        {
            0 => 120,
            < FewItems => ItemCost,
            FewItems => ItemCost + (FewItems + 1) * IndexCost,
            _ => ItemCost + IndexCost,
        };

    public bool TryAdd(object key, object? value)
    {
        if (Find(key) >= 0)
        {
            return false;
        }
        if (_items.Count == 0)
        {
            _items = [];
        }
        _items.Add(new(key, value));
        if (_items.Count > FewItems)
        {
            Index(key);
        }
        return true;
    }

    public bool TryGetValue(object key, out object? value)
    {
        int at = Find(key);
        value = at < 0 ? null : _items[at].Value;
        return at >= 0;
    }

    private void Index(object newest)
    {
        if (_index is not null)
        {
            _index.Add(newest, _items.Count - 1);
            return;
        }
        _index = [];
        for (int i = 0; i < _items.Count; i++)
        {
            _index.Add(_items[i].Key, i);
        }
    }

    private int Find(object key)
    {
        if (_index is not null)
        {
            return _index.GetValueOrDefault(key, -1);
        }
        for (int i = 0; i < _items.Count; i++)
        {
            if (_items[i].Key.Equals(key))
            {
                return i;
            }
        }
        return -1;
    }
}
