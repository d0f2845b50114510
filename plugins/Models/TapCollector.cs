using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>Keeps the taps that were asked for, and releases at once what nobody wants.</summary>
/// <param name="wanted">The names to keep; null for all.</param>
internal sealed class TapCollector(IReadOnlyCollection<string>? wanted)
{
    private readonly Dictionary<string, Tensor> _features = [];
    private readonly HashSet<Tensor> _held = new(ReferenceEqualityComparer.Instance);

    internal IReadOnlyDictionary<string, Tensor> Features => _features;

    internal bool Wants(string name) => wanted is null || wanted.Contains(name);

    internal bool Holds(Tensor value) => _held.Contains(value);

    internal Tensor Add(string name, Tensor value)
    {
        if (Wants(name))
        {
            _features[name] = value;
            _held.Add(value);
        }
        return value;
    }

    /// <summary>The next value; the one before it is released unless it is a tap.</summary>
    internal Tensor Replace(Tensor old, Tensor next)
    {
        Release(old);
        return next;
    }

    internal void Release(Tensor value)
    {
        if (!_held.Contains(value))
            value.Dispose();
    }
}
