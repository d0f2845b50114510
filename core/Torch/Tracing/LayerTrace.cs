using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>A layer that has computed.</summary>
/// <param name="Root">The network it belongs to, by the name it was given.</param>
/// <param name="Name">Its path in the network.</param>
/// <param name="Type">The class of the module.</param>
/// <param name="Shape">What it computed.</param>
public sealed record TracedLayer(string Root, string Name, string Type, LayerShape Shape);

/// <summary>
/// Notes what the convolutions and linear layers of networks compute, on this thread until it is disposed: each before it
/// computes for the first time in that shape. Seen are <c>Linear</c>, <c>Conv</c> and <c>ConvTranspose</c> of one to three
/// dimensions by hooks of <c>call</c>, frozen layers, and what is computed by
/// <see cref="LayerTrace.Linear"/>. What a module computes past these is not.
/// </summary>
/// <remarks>
/// Of a batch <see cref="Samples"/> samples count, two of images of more than 2^17 numbers, of a linear layer
/// <see cref="Rows"/> rows.
/// </remarks>
public sealed class LayerTrace : IDisposable
{
    /// <summary>Samples of a batch that count.</summary>
    public const long Samples = 4;

    /// <summary>Rows of a linear layer that count.</summary>
    public const long Rows = 64;

    [ThreadStatic]
    private static LayerTrace? _current;

    private readonly Func<IEnumerable<(string Name, nn.Module Root)>> _roots;
    private readonly Func<TracedLayer, bool> _seen;
    private readonly LayerTrace? _outer;
    private readonly Dictionary<nn.Module, Place> _places = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<(nn.Module, string)> _known = [];
    private readonly HashSet<nn.Module> _computed = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<nn.Module> _replaced = new(ReferenceEqualityComparer.Instance);
    private readonly List<Detour> _detours = [];

    private LayerTrace(Func<IEnumerable<(string, nn.Module)>> roots, Func<TracedLayer, bool> seen)
    {
        (_roots, _seen, _outer) = (roots, seen, _current);
        _current = this;
        Refresh();
    }

    /// <summary>Begins.</summary>
    /// <param name="roots">Networks by name; asked again for what is not known yet.</param>
    /// <param name="seen">
    /// Told of a layer before it computes; what it throws comes out of the layer. Where it says true, the layer computes a product of
    /// matrices in place of libtorch's kernel from then on, as <see cref="LayerDetours"/> have it.
    /// </param>
    public static LayerTrace Begin(
        Func<IEnumerable<(string Name, nn.Module Root)>> roots,
        Func<TracedLayer, bool> seen
    ) => new(roots, seen);

    /// <summary>
    /// <c>nn.functional.linear</c> for modules that compute a layer as a matrix product, past its own <c>call</c>: the trace takes
    /// the product for that layer.
    /// </summary>
    /// <param name="layer">Whose weight it is.</param>
    /// <param name="input"><c>[..., inputs]</c>.</param>
    /// <param name="weight"><c>[outputs, inputs]</c>.</param>
    /// <param name="bias"><c>[outputs]</c>; null for none.</param>
    public static Tensor Linear(nn.Module layer, Tensor input, Tensor weight, Tensor? bias)
    {
        _current?.Note(layer, () => LayerShapes.OfProduct(input, weight, bias));
        return nn.functional.linear(input, weight, bias);
    }

    private void Refresh()
    {
        foreach (var (root, module) in _roots())
        foreach (var (name, part) in module.named_modules().Prepend(("", module)))
            if (!_places.ContainsKey(part))
            {
                _places[part] = Place.Of(root, name, part);
                Watch(part);
            }
    }

    /// <summary>
    /// Layers that have not computed, and modules of libtorch's that multiply by weights in ways that are not looked at, as
    /// "name of the network: path (class)". One that has computed stands for its like in other networks: of its path, class and
    /// size.
    /// </summary>
    public IReadOnlyList<string> Unseen()
    {
        var alike = _computed.Select(l => _places[l].Likeness).ToHashSet();
        return
        [
            .. _places
                .Where(p => p.Value.Multiplies && !_computed.Contains(p.Key) && !alike.Contains(p.Value.Likeness))
                .Select(p => $"{p.Value.Root}: {p.Value.Name} ({p.Key.GetType().Name})")
                .Order(StringComparer.Ordinal),
        ];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var detour in _detours)
            detour.Dispose();
        _detours.Clear();
        _current = _outer;
    }

    /// <summary>A frozen layer is about to compute: whether it is to compute a product.</summary>
    internal static bool Tell<T>(T layer, Func<LayerShape?> shape)
        where T : nn.Module, IFrozenLayer => _current?.Note(layer, shape) ?? false;

    private void Watch(nn.Module module)
    {
        if (Detour.Of(module, shape => Note(module, () => shape)) is { } detour)
            _detours.Add(detour);
    }

    private bool Note(nn.Module layer, Func<LayerShape?> shape)
    {
        if (!_places.ContainsKey(layer))
            Refresh();
        if (!_places.TryGetValue(layer, out var place))
            return false;
        _computed.Add(layer);
        if (
            shape() is { } found
            && _known.Add((layer, found.ToJson()))
            && _seen(new(place.Root, place.Name, layer.GetType().Name, found))
        )
            _replaced.Add(layer);
        return _replaced.Contains(layer);
    }

    // Read off a module when it is met: a frozen one may be gone at the end.
    private sealed record Place(string Root, string Name, string Likeness, bool Multiplies)
    {
        internal static Place Of(string root, string name, nn.Module module)
        {
            var own = module.parameters(recurse: false).Concat(module.buffers(recurse: false)).Select(t => t.shape);
            var sizes = own.Select(shape => string.Join('x', shape)).ToList();
            var isOfLibTorch = module.GetType().Assembly == typeof(Conv2d).Assembly;
            return new(
                root,
                name,
                $"{name} {module.GetType()} {string.Join(' ', sizes)}",
                module is IFrozenLayer
                    || (
                        isOfLibTorch
                        && module is not (Embedding or EmbeddingBag)
                        && sizes.Any(s => s.Contains('x', StringComparison.Ordinal))
                    )
            );
        }
    }
}

/// <summary>A layer of this assembly, which tells the trace itself.</summary>
internal interface IFrozenLayer;
