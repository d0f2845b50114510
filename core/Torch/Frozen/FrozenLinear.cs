using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>
/// A linear layer for inference whose weights no longer change. It holds its own copy of them, and making it draws nothing:
/// <c>nn.Linear</c> fills its weights from the default generator before they can be overwritten.
/// </summary>
/// <remarks>Autocast does not apply: it computes in its own dtype.</remarks>
public sealed class FrozenLinear : nn.Module<Tensor, Tensor>, IFrozenLayer
{
#pragma warning disable IDE0044 // TorchSharp assigns registered fields when the module moves.
    private Tensor weight;
    private Tensor? bias;
#pragma warning restore IDE0044

    private FrozenLinear(Tensor weight, Tensor? bias)
        : base(nameof(FrozenLinear))
    {
        this.weight = weight;
        this.bias = bias;
        RegisterComponents();
    }

    /// <summary>Freezes a linear layer.</summary>
    /// <param name="linear">With or without bias.</param>
    /// <param name="dtype">What it computes in.</param>
    public static FrozenLinear From(Linear linear, ScalarType dtype = ScalarType.Float32)
    {
        ArgumentNullException.ThrowIfNull(linear);
        using var noGrad = no_grad();
        Tensor Copy(Tensor tensor) => tensor.to(dtype, copy: true).DetachFromDisposeScope();
        return new(Copy(linear.weight), linear.bias is null ? null : Copy(linear.bias));
    }

    /// <summary>x·Wᵀ + b</summary>
    /// <param name="input"><c>[..., inputs]</c> of any floating dtype.</param>
    /// <returns><c>[..., outputs]</c>, in this module's dtype.</returns>
    public override Tensor forward(Tensor input)
    {
        using var own = Autocast.IsEnabled(input.device) ? Autocast.Disabled() : null;
        using var x = input.dtype == weight.dtype ? input.alias() : input.to(weight.dtype);
        var result = LayerTrace.Linear(this, x, weight, bias);
        GraphTrace.TellLayer(
            this,
            result,
            [input],
            at => LayerNodes.Product(at, at.Inputs[0], weight, bias, input.dim())
        );
        return result;
    }
}
