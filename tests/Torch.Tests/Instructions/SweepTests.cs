using KdPlugins.Torch.Instructions;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Instructions;

public sealed class SweepTests
{
    // In a layout and of sizes that no processor has been seen to compute wrongly.
    private static readonly Shape Product = new(3, 7, 0, 1, 1, 5);
    private static readonly Manner Plain = new(ScalarType.Float32, ChannelsLast: false, Threads: 1);

    [Fact]
    public void A_right_product_has_no_fault() => Assert.Empty(Faults(Product, Plain));

    [Theory]
    [InlineData(1.0002)]
    [InlineData(0.0)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_wrong_answer_is_seen_three_times(double factor) =>
        Assert.Equal(3, Faults(Product, Plain, t => t * factor).Count);

    [Fact]
    public void One_wrong_element_is_enough()
    {
        var faults = Faults(
            Product,
            Plain,
            t =>
            {
                var copy = t.clone();
                copy.flatten()[0].add_(1);
                return copy;
            }
        );

        Assert.Equal(3, faults.Count);
        Assert.StartsWith("1 matrix product 5x3 by 3x7, Float32, 1 thread: the result is ", faults[0]);
    }

    [Fact]
    public void Bf16_may_be_as_far_off_as_it_rounds()
    {
        var narrow = Plain with { Type = ScalarType.BFloat16 };

        Assert.Empty(Faults(Product, narrow));
        Assert.Equal(3, Faults(Product, narrow, t => t * 1.06).Count);
    }

    [Theory]
    [InlineData(8, 8, 3, 1, 1, 9)]
    [InlineData(8, 8, 3, 2, 8, 9)]
    [InlineData(16, 32, 1, 3, 1, 8)]
    [InlineData(16, 8, 5, 3, 4, 12)]
    public void What_is_held_to_be_exact_is_libtorchs_own_convolution_in_double(
        long ins,
        long outs,
        long kernel,
        long stride,
        long groups,
        long side
    ) =>
        Assert.Empty(
            Sweep.Faults(
                new Shape(ins, outs, kernel, stride, groups, side),
                [Plain],
                compute: (x, w, s) =>
                    nn
                        .functional.conv2d(
                            x.to(ScalarType.Float64),
                            w.to(ScalarType.Float64),
                            padding: [s.Kernel / 2, s.Kernel / 2],
                            strides: [s.Stride, s.Stride],
                            groups: s.Groups
                        )
                        .to(ScalarType.Float32)
            )
        );

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void What_is_held_to_be_exact_is_libtorchs_own_product_in_double(long matrices) =>
        Assert.Empty(
            Sweep.Faults(
                new Shape(4, 6, 0, matrices, 1, 5),
                [Plain],
                compute: (x, w, s) =>
                {
                    var wide = w.to(ScalarType.Float64);
                    return x.to(ScalarType.Float64).matmul(s.Stride == 1 ? wide.t() : wide).to(ScalarType.Float32);
                }
            )
        );

    [Fact]
    public void Kernels_strides_layouts_types_and_threads_are_all_there()
    {
        var convolutions = Sweep.Shapes.Where(s => s.IsConvolution).ToList();

        Assert.Equal([1, 3, 5, 7], convolutions.Select(s => s.Kernel).Distinct().Order());
        Assert.Equal([1, 2, 3], convolutions.Select(s => s.Stride).Distinct().Order());
        Assert.Contains(convolutions, s => s.Groups == s.Inputs && s.Groups > 1);
        Assert.Contains(convolutions, s => s.Groups > 1 && s.Groups < s.Inputs);
        Assert.Contains(Sweep.Shapes, s => !s.IsConvolution && s.Stride > 1);
        Assert.Equal(8, Sweep.Manners(2).Distinct().Count());
        Assert.Equal(4, Sweep.Manners(1).Count());
        Assert.Equal(Sweep.Shapes.Count, Sweep.Shapes.Distinct().Count());
    }

    private static List<string> Faults(Shape shape, Manner manner, Func<Tensor, Tensor>? spoil = null)
    {
        var threads = get_num_threads();
        try
        {
            return [.. Sweep.Faults(shape, [manner], spoil)];
        }
        finally
        {
            set_num_threads(threads);
        }
    }
}
