using System.Globalization;

namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>
/// The limits of walking an unpickled tree. A pickle can share objects, so that a small one describes a huge tree: depth,
/// steps, and the memory of names and tables are all limited. The walks themselves allocate nothing.
/// </summary>
internal sealed class TreeWalk(string origin, long pickleLength, MemoryCredit credit)
{
    /// <summary>A tree is walked a few times, and every honest object takes a byte and more.</summary>
    private const int StepsPerByte = 32;

    private long _steps = StepsPerByte * pickleLength;

    public string Origin => origin;

    /// <summary>Counts what is looked at: an object may hold many, and be reached by many ways.</summary>
    public void Visit(object? node, int depth)
    {
        _steps -= node switch
        {
            PickleDict dict => 1 + dict.Items.Count,
            IReadOnlyList<object?> list => 1 + list.Count,
            _ => 1,
        };
        if (depth > WeightLimits.MaxDepth || _steps < 0)
        {
            throw Fault(
                WeightErrors.PickleLimit,
                $"its objects are nested deeper than {WeightLimits.MaxDepth}, in a circle, or repeated without end."
            );
        }
    }

    /// <summary>A dotted name, paid for.</summary>
    public string Join(string prefix, object key)
    {
        string text = Text(key);
        if (prefix.Length == 0)
        {
            return text;
        }
        Charge(24 + 2 * (prefix.Length + text.Length + 1));
        return $"{prefix}.{text}";
    }

    public void Charge(long bytes)
    {
        if (!credit.TryTake(bytes))
        {
            throw Fault(
                WeightErrors.PickleLimit,
                $"its names and tables take more than {WeightLimits.PickleMemoryRatio} times the bytes that describe them."
            );
        }
    }

    public KdException Fault(ErrorCode code, string what) => WeightFault.Of(code, origin, what);

    /// <summary>A key as text; integers as Python writes them.</summary>
    public string Text(object key)
    {
        if (key is string text)
        {
            return text;
        }
        Charge(48);
        return Convert.ToString(key, CultureInfo.InvariantCulture)!;
    }
}
