using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>
/// Has layers of networks compute products of matrices in place of libtorch's kernels, on this thread until it is disposed: for kernels
/// that are wrong on this processor. Gradients flow through; it is slower, and takes memory for all windows of a convolution.
/// </summary>
public sealed class LayerDetours : IDisposable
{
    [ThreadStatic]
    private static LayerDetours? _current;

    private readonly Func<IEnumerable<(string Name, nn.Module Root)>> _roots;
    private readonly IReadOnlySet<(string Root, string Name)> _layers;
    private readonly LayerDetours? _outer;
    private readonly Dictionary<nn.Module, bool> _known = new(ReferenceEqualityComparer.Instance);
    private readonly List<Detour> _detours = [];

    private LayerDetours(Func<IEnumerable<(string, nn.Module)>> roots, IReadOnlySet<(string Root, string Name)> layers)
    {
        (_roots, _layers, _outer) = (roots, layers, _current);
        _current = this;
        Refresh();
    }

    /// <summary>Begins.</summary>
    /// <param name="roots">Networks by name, as a <see cref="LayerTrace"/> was given them; asked again for a frozen layer that is new.</param>
    /// <param name="layers">The layers: name of the network, path in it.</param>
    public static LayerDetours Begin(
        Func<IEnumerable<(string Name, nn.Module Root)>> roots,
        IReadOnlySet<(string Root, string Name)> layers
    ) => new(roots, layers);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var detour in _detours)
            detour.Dispose();
        _detours.Clear();
        _current = _outer;
    }

    private void Refresh()
    {
        foreach (var (root, module) in _roots())
        foreach (var (name, part) in module.named_modules().Prepend(("", module)))
            if (_known.TryAdd(part, _layers.Contains((root, name))) && _known[part])
                if (Detour.Of(part, _ => true) is { } detour)
                    _detours.Add(detour);
    }

    /// <summary>Whether a frozen layer, which asks before it computes, is one of them.</summary>
    internal static bool Take<T>(T layer)
        where T : nn.Module, IFrozenLayer => _current?.Has(layer) ?? false;

    private bool Has(nn.Module layer)
    {
        if (!_known.ContainsKey(layer))
        {
            Refresh();
            // One of no network that is known: not to be asked for each time.
            _known.TryAdd(layer, false);
        }
        return _known[layer];
    }
}
