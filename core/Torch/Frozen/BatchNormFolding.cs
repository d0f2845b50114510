using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>
/// A batch norm in evaluation mode is a line per channel, so that a convolution in front of it can take it in:
/// conv'(x) = conv(x)·s + β + (b - μ)·s with s = γ / √(σ² + ε).
/// </summary>
internal static class BatchNormFolding
{
    /// <summary>Weight and bias of the one convolution that does both, computed in float64 and rounded once.</summary>
    internal static (Tensor Weight, Tensor Bias) Fold(Conv2d convolution, BatchNorm2d? norm, ScalarType dtype)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var weight = convolution.weight.to(ScalarType.Float64);
        var bias =
            convolution.bias?.to(ScalarType.Float64)
            ?? zeros(convolution.out_channels, ScalarType.Float64, weight.device);
        if (norm is not null)
        {
            var scale = (norm.running_var!.to(ScalarType.Float64) + norm.eps).rsqrt();
            if (norm.weight is { } gamma)
                scale = scale * gamma.to(ScalarType.Float64);
            weight = weight * scale.reshape(-1, 1, 1, 1);
            bias = (bias - norm.running_mean!.to(ScalarType.Float64)) * scale;
            if (norm.bias is { } beta)
                bias = bias + beta.to(ScalarType.Float64);
        }
        // A copy in any case: the frozen network must not follow the trained one.
        return (
            weight.to(dtype, copy: true).ToChannelsLast().DetachFromDisposeScope(),
            bias.to(dtype, copy: true).DetachFromDisposeScope()
        );
    }
}
