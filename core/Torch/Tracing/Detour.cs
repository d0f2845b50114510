using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>
/// Hooks of a layer by which it computes a product of matrices where it is told to. A hook cannot keep libtorch's kernel from being
/// called, which may end the process: it is given no samples, and what it makes of them is replaced.
/// </summary>
internal sealed class Detour : IDisposable
{
    private readonly Func<LayerShape?, bool> _isTaken;
    private readonly Action _remove;

    // What the layer was given, where it is taken.
    private Tensor? _given;

    private Detour(Convolution layer, Func<LayerShape?, bool> isTaken)
    {
        _isTaken = isTaken;
        var before = layer.register_forward_pre_hook(
            (_, x) => Before(x, LayerShapes.OfConvolution(layer, x), () => x.narrow(0, 0, 0))
        );
        var after = layer.register_forward_hook((_, _, y) => After(y, x => Product(layer, x)));
        _remove = before.remove;
        _remove += after.remove;
    }

    private Detour(Linear layer, Func<LayerShape?, bool> isTaken)
    {
        _isTaken = isTaken;
        var before = layer.register_forward_pre_hook(
            (_, x) =>
                Before(
                    x,
                    LayerShapes.OfProduct(x, layer.weight, layer.bias),
                    () => x.reshape(-1, x.shape[^1]).narrow(0, 0, 0)
                )
        );
        var after = layer.register_forward_hook((_, _, y) => After(y, x => Product(layer, x)));
        _remove = before.remove;
        _remove += after.remove;
    }

    /// <summary>For a module; null where it is none of those that compute by such a kernel.</summary>
    /// <param name="module">The layer.</param>
    /// <param name="isTaken">Asked before each computation with what it is, null where it is not looked at.</param>
    internal static Detour? Of(nn.Module module, Func<LayerShape?, bool> isTaken) =>
        module switch
        {
            Convolution layer => new(layer, isTaken),
            Linear layer => new(layer, isTaken),
            _ => null,
        };

    public void Dispose() => _remove();

    private Tensor Before(Tensor x, LayerShape? shape, Func<Tensor> nothing)
    {
        _given = _isTaken(shape) && shape is not null ? x : null;
        return _given is null ? null! : nothing();
    }

    private Tensor After(Tensor y, Func<Tensor, Tensor> product)
    {
        if (_given is not { } x)
            return null!;
        _given = null;
        y.Dispose();
        return product(x);
    }

    private static Tensor Product(Convolution layer, Tensor x)
    {
        var dimensions = (int)layer.weight.dim() - 2;
        var (outside, _) = LayerShapes.PaddingOf(layer, dimensions);
        var given = outside.All(p => p == 0)
            ? x
            : nn.functional.pad(
                x,
                [.. outside.Reverse().SelectMany(p => new[] { p / 2, p - p / 2 })],
                layer.padding_mode == PaddingModes.Zeros ? PaddingModes.Constant : layer.padding_mode
            );
        var shape = LayerShapes.OfConvolution(layer, x)! with { Input = given.shape };
        return ProductLayer.InPlaceOf(new(given, layer.weight, layer.bias), shape);
    }

    private static Tensor Product(Linear layer, Tensor x)
    {
        var rows = x.reshape(-1, x.shape[^1]);
        var shape = LayerShapes.OfProduct(x, layer.weight, layer.bias)! with { Input = rows.shape };
        var y = ProductLayer.InPlaceOf(new(rows, layer.weight, layer.bias), shape);
        return y.reshape([.. x.shape[..^1], layer.weight.shape[0]]);
    }
}
