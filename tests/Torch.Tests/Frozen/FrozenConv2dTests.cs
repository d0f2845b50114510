using KdPlugins.Tests;
using TorchSharp;
using TorchSharp.Modules;
using Xunit;
using static KdPlugins.Torch.Tests.Frozen.FrozenReference;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Frozen;

/// <summary>Frozen convolutions against TorchSharp's convolution and batch norm, run one after the other in float64.</summary>
public class FrozenConv2dTests
{
    public static TheoryData<Case> Cases =>
        new(
            new Case(3, 16),
            new Case(16, 16, Height: 32, Width: 32, Batch: 8),
            new Case(64, 64, Height: 8, Width: 8),
            new Case(5, 7, Height: 13, Width: 6),
            new Case(16, 32, Stride: 2, Height: 17, Width: 15),
            new Case(16, 32, Kernel: 1, Stride: 2, Padding: 0),
            new Case(8, 16, Groups: 2),
            new Case(12, 12, Groups: 12, Bias: true),
            new Case(4, 6, Kernel: 5, Padding: 3, Dilation: 2, Bias: true, Height: 12, Width: 12),
            new Case(1, 1, Batch: 1),
            new Case(1, 8, Height: 28, Width: 28),
            new Case(16, 16, Batch: 1, Height: 1, Width: 1),
            new Case(3, 4, Kernel: 2, Padding: 0, Batch: 1)
        );

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void It_computes_what_convolution_norm_residual_and_relu_compute(Case c)
    {
        LibTorchFaults.SkipWhereConvolutionsAreWrong();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        random.manual_seed(3);
        var (convolution, norm) = Layers(c);
        foreach (var dtype in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float64])
        {
            var x = randn(c.Batch, c.Inputs, c.Height, c.Width).to(dtype);
            var line = Exact(convolution, norm, x);
            var residual = randn(line.shape).to(dtype);
            var withRelu = FrozenConv2d.From(convolution, norm, relu: true, dtype);
            var without = FrozenConv2d.From(convolution, norm, relu: false, dtype);
            var sum = line + residual.to(ScalarType.Float64);
            foreach (var input in (Tensor[])[x, x.ToChannelsLast()])
            {
                void Same(Tensor actual, Tensor expected)
                {
                    Assert.Equal(dtype, actual.dtype);
                    Assert.Equal(expected.shape, actual.shape);
                    Assert.InRange(RelativeError(actual, expected), 0, Allowed(dtype));
                }
                Same(withRelu.call(input), line.relu());
                Same(without.call(input), line);
                Same(withRelu.ForwardAdd(input, residual), sum.relu());
                Same(withRelu.ForwardAdd(input, residual, activate: false), sum);
                Same(without.ForwardAdd(input, residual.ToChannelsLast()), sum);
                Same(withRelu.ForwardAdd(input, residual.clone(), overwriteResidual: true), sum.relu());
                Same(
                    withRelu.ForwardAdd(input, residual.ToChannelsLast().clone(), overwriteResidual: true),
                    sum.relu()
                );
            }
        }
    }

    [Fact]
    public void Inputs_of_many_sizes_in_turn_are_all_served()
    {
        using var noGrad = no_grad();
        using var outer = NewDisposeScope();
        var (convolution, norm) = Layers(new Case(8, 16));
        var frozen = FrozenConv2d.From(convolution, norm);
        for (var round = 0; round < 2; round++)
        for (var size = 3; size < 12; size++)
        {
            // What is packed for a size must survive the scope it was packed in.
            using var scope = NewDisposeScope();
            var x = randn(size, 8, size, size);
            Assert.InRange(RelativeError(frozen.call(x), Exact(convolution, norm, x)), 0, Float32Error);
        }
    }

    [Fact]
    public void Gradients_flow_to_the_input_and_to_the_residual()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(5);
        var (convolution, norm) = Layers(new Case(6, 8, Stride: 2));
        var frozen = FrozenConv2d.From(convolution, norm, relu: true);
        Tensor[] Gradients(Func<Tensor, Tensor, Tensor> f)
        {
            random.manual_seed(6);
            var x = randn(2, 6, 9, 9, requires_grad: true);
            var residual = randn(2, 8, 5, 5, requires_grad: true);
            f(x, residual).square().sum().backward();
            return [x.grad!.to(ScalarType.Float64), residual.grad!.to(ScalarType.Float64)];
        }
        var exact = Gradients((x, r) => (Exact(convolution, norm, x) + r).relu());
        var actual = Gradients((x, r) => frozen.ForwardAdd(x, r));
        Assert.InRange(RelativeError(actual[0], exact[0]), 0, Float32Error);
        Assert.InRange(RelativeError(actual[1], exact[1]), 0, Float32Error);
        Assert.All(frozen.parameters(), _ => Assert.Fail("a frozen convolution has no parameters"));
    }

    [Fact]
    public void Autocast_does_not_change_its_dtype_on_either_path()
    {
        using var scope = NewDisposeScope();
        var (convolution, norm) = Layers(new Case(16, 16));
        var frozen = FrozenConv2d.From(convolution, norm);
        var x = randn(2, 16, 8, 8);
        var exact = Exact(convolution, norm, x);
        using (Autocast.BFloat16(CPU))
        {
            var fused = frozen.call(x);
            var plain = frozen.call(x.clone().requires_grad_());
            Assert.True(plain.requires_grad);
            Assert.InRange(RelativeError(fused, exact), 0, Float32Error);
            Assert.InRange(RelativeError(plain, exact), 0, Float32Error);
            Assert.True(Autocast.IsEnabled(CPU));
        }
    }
}
