namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>The stack, marks and memory of an unpickler, each with its limit, and the account of what was allocated.</summary>
internal sealed class PickleStack(MemoryCredit credit)
{
    private readonly List<object?> _items = [];
    private readonly List<int> _marks = [];
    private readonly List<object?> _memo = [];
    private int _highest;

    private int Floor => _marks.Count == 0 ? 0 : _marks[^1];

    public bool IsEmpty => _items.Count == 0 && _marks.Count == 0;

    public void Push(object? value, int cost = 0)
    {
        if (_items.Count == _highest)
        {
            _highest++;
            cost += 16; // a list doubles its room
        }
        Charge(cost);
        if (_items.Count >= WeightLimits.MaxStack)
        {
            throw new PickleFault(WeightErrors.PickleLimit, $"more than {WeightLimits.MaxStack} objects on the stack.");
        }
        _items.Add(value);
    }

    public object? Pop()
    {
        object? top = Peek();
        _items.RemoveAt(_items.Count - 1);
        return top;
    }

    public object? Peek() =>
        _items.Count > Floor ? _items[^1] : throw new PickleFault(WeightErrors.PickleInvalid, "the stack is empty.");

    public void Mark()
    {
        if (_marks.Count >= WeightLimits.MaxDepth * 2)
        {
            throw new PickleFault(WeightErrors.PickleLimit, $"more than {WeightLimits.MaxDepth * 2} marks are open.");
        }
        _marks.Add(_items.Count);
    }

    /// <summary>Takes everything above the latest mark, and the mark.</summary>
    public object?[] PopToMark()
    {
        if (_marks.Count == 0)
        {
            throw new PickleFault(WeightErrors.PickleInvalid, "no mark is open.");
        }
        int start = _marks[^1];
        _marks.RemoveAt(_marks.Count - 1);
        return PopMany(_items.Count - start);
    }

    public object?[] PopMany(int count)
    {
        if (_items.Count - Floor < count)
        {
            throw new PickleFault(WeightErrors.PickleInvalid, "the stack is empty.");
        }
        Charge(24 + 8 * count);
        var taken = new object?[count];
        _items.CopyTo(_items.Count - count, taken, 0, count);
        _items.RemoveRange(_items.Count - count, count);
        return taken;
    }

    /// <summary>Picklers number what they remember one after the other; a number ahead of that is refused.</summary>
    public void Remember(uint index)
    {
        object? top = Peek();
        if (index >= WeightLimits.MaxMemo)
        {
            throw new PickleFault(
                WeightErrors.PickleLimit,
                $"memo number {index}; at most {WeightLimits.MaxMemo} are kept."
            );
        }
        if (index > _memo.Count)
        {
            throw new PickleFault(WeightErrors.PickleInvalid, $"memo number {index} leaves a gap.");
        }
        if (index == _memo.Count)
        {
            Charge(16);
            _memo.Add(top);
        }
        else
        {
            _memo[(int)index] = top;
        }
    }

    public object? Recall(uint index) =>
        index < _memo.Count
            ? _memo[(int)index]
            : throw new PickleFault(WeightErrors.PickleInvalid, $"memo number {index} was never given.");

    /// <summary>Books an allocation of about so many bytes.</summary>
    public void Charge(long bytes)
    {
        if (!credit.TryTake(bytes))
        {
            throw new PickleFault(
                WeightErrors.PickleLimit,
                $"its objects take more than {WeightLimits.PickleMemoryRatio} times its own bytes."
            );
        }
    }
}

/// <summary>A failure inside an unpickler, before the place in the file is added.</summary>
internal sealed class PickleFault(ErrorCode code, string what) : Exception(what)
{
    public ErrorCode Code { get; } = code;
}
