using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>Keeps the taps that were asked for, and releases at once what nobody wants.</summary>
/// <param name="wanted">The names to keep; null for all.</param>
internal sealed class TapCollector(IReadOnlyCollection<string>? wanted)
{
    private readonly Dictionary<string, Tensor> _features = [];
    private readonly HashSet<Tensor> _held = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<string> _signed = [];

    internal IReadOnlyDictionary<string, Tensor> Features => _features;

    internal bool Wants(string name) => wanted is null || wanted.Contains(name);

    internal bool Holds(Tensor value) => _held.Contains(value);

    /// <param name="name">The tap's name.</param>
    /// <param name="value">Its value.</param>
    /// <param name="signed">Whether it is taken before an activation.</param>
    internal Tensor Add(string name, Tensor value, bool signed = false)
    {
        if (Wants(name))
        {
            _features[name] = value;
            _held.Add(value);
            if (signed)
                _signed.Add(name);
        }
        return value;
    }

    /// <summary>The rectified value, written over the given one where no tap holds that.</summary>
    internal Tensor Rectify(Tensor value) => Traced.Relu(value, inPlace: !Holds(value));

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

    /// <summary>What was collected, as a network publishes it: names, and shapes without the batch dimension.</summary>
    internal IReadOnlyList<Tap> Describe() =>
        [.. _features.Select(f => new Tap(f.Key, f.Value.shape[1..], _signed.Contains(f.Key)))];
}
