using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Frozen;

/// <summary>Convolution and batch norm by TorchSharp's own operators in float64, one after the other.</summary>
public static class FrozenReference
{
    // Sums of at most 576 products in float32, in any order, then one multiplication folded into the weights.
    internal const double Float32Error = 2e-6;

    // Weights, bias and result are each rounded to eight bits: half a unit is 2^-9 of the value.
    internal const double BFloat16Error = 1.0 / 256;

    public sealed record Case(
        int Inputs,
        int Outputs,
        int Kernel = 3,
        int Stride = 1,
        int Padding = 1,
        int Dilation = 1,
        int Groups = 1,
        int Height = 9,
        int Width = 9,
        int Batch = 3,
        bool Bias = false
    );

    internal static (Conv2d Convolution, BatchNorm2d Norm) Layers(Case c)
    {
        var convolution = nn.Conv2d(
            c.Inputs,
            c.Outputs,
            (c.Kernel, c.Kernel),
            (c.Stride, c.Stride),
            (c.Padding, c.Padding),
            (c.Dilation, c.Dilation),
            groups: c.Groups,
            bias: c.Bias
        );
        var norm = nn.BatchNorm2d(c.Outputs);
        norm.eval();
        using (no_grad())
        {
            norm.weight.uniform_(0.5, 1.5);
            norm.bias!.uniform_(-0.5, 0.5);
            norm.running_mean!.uniform_(-0.5, 0.5);
            norm.running_var!.uniform_(0.3, 2);
        }
        return (convolution, norm);
    }

    internal static Tensor Exact(Conv2d convolution, BatchNorm2d norm, Tensor x)
    {
        Tensor? Double(Tensor? t) => t?.to(ScalarType.Float64);
        var y = nn.functional.conv2d(
            x.to(ScalarType.Float64),
            convolution.weight.to(ScalarType.Float64),
            Double(convolution.bias),
            convolution.stride,
            convolution.padding,
            convolution.dilation,
            convolution.groups
        );
        return nn.functional.batch_norm(
            y,
            Double(norm.running_mean),
            Double(norm.running_var),
            Double(norm.weight),
            Double(norm.bias),
            eps: norm.eps
        );
    }

    internal static double RelativeError(Tensor actual, Tensor expected) =>
        ((actual.to(ScalarType.Float64) - expected).norm() / expected.norm()).item<double>();

    internal static double Allowed(ScalarType dtype) =>
        dtype switch
        {
            ScalarType.Float64 => 1e-14,
            ScalarType.Float32 => Float32Error,
            _ => BFloat16Error,
        };
}
