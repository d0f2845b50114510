using KdPlugins.Torch.Judging;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Judging;

public sealed class LayerComparisonTests
{
    private static readonly LayerShape Product = new()
    {
        Kind = LayerKind.Linear,
        Input = [5, 3],
        Weight = [7, 3],
        HasBias = true,
        Type = ScalarType.Float32,
        NeedsInput = true,
        NeedsWeight = true,
    };

    private static LayerShape Convolution(
        long[] input,
        long[] weight,
        long[] stride,
        long[] padding,
        long[] dilation,
        long groups = 1,
        long[]? after = null
    ) =>
        Product with
        {
            Kind = after is null ? LayerKind.Convolution : LayerKind.Transposed,
            Input = input,
            Weight = weight,
            Stride = stride,
            Padding = padding,
            Dilation = dilation,
            OutputPadding = after ?? [],
            Groups = groups,
        };

    public static TheoryData<LayerShape> Shapes =>
        [
            Product,
            Convolution([2, 3, 9], [4, 3, 3], [2], [1], [2]),
            Convolution([2, 4, 7, 6], [6, 2, 3, 2], [2, 1], [1, 0], [1, 2], 2),
            Convolution([1, 2, 4, 5, 4], [3, 2, 2, 3, 1], [1, 2, 1], [1, 1, 0], [2, 1, 1]),
            Convolution([2, 3, 5], [3, 2, 3], [2], [1], [2], 1, [1]),
            Convolution([2, 4, 3, 4], [4, 3, 3, 2], [2, 1], [1, 0], [1, 2], 2, [1, 0]),
            Convolution([1, 2, 3, 2, 3], [2, 3, 2, 2, 3], [2, 1, 1], [0, 1, 1], [1, 1, 1], 1, [1, 0, 0]),
        ];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void What_is_held_to_be_exact_is_what_plain_loops_give(LayerShape shape)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3, CPU);
        var given = Operands.Draw(shape, generator).To(ScalarType.Float64);
        var exact = ProductLayer.Of(given, shape);
        Assert.Equal(ProductLayer.OutputOf(shape), exact.shape);
        Assert.Equal(PlainLoops.Of(given, shape), exact.contiguous().data<double>().ToArray(), Close);
    }

    // libtorch's own layers in double precision, with its own gradients: every argument is where it belongs.
    [Theory]
    [MemberData(nameof(Shapes))]
    public void Outputs_and_gradients_of_every_kind_are_those_of_double_precision(LayerShape shape) =>
        Assert.All(LayerComparison.Errors(shape with { Type = ScalarType.Float64 }), e => Assert.InRange(e, 0, 1e-12));

    [Theory]
    [InlineData(1.0002)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Each_wrong_answer_is_named_with_how_far_off_it_is(double factor)
    {
        string[] answers = ["output", "input gradient", "weight gradient", "bias gradient"];
        foreach (var answer in answers)
        {
            var fault = Assert.Single(LayerComparison.Faults(Product, (a, t) => a == answer ? t * factor : t));
            Assert.Equal(answer, fault.Answer);
            Assert.Equal(double.IsFinite(factor), Math.Abs(fault.Off - 2e-4) < 1e-5);
            Assert.Equal(!double.IsFinite(factor), double.IsInfinity(fault.Off));
        }
    }

    [Fact]
    public void Only_what_is_needed_is_computed()
    {
        var forward = Product with { NeedsInput = false, NeedsWeight = false };
        Assert.Equal(["output"], Wrong(forward));
        Assert.Equal(["output", "input gradient"], Wrong(forward with { NeedsInput = true }));
        Assert.Equal(["output", "weight gradient", "bias gradient"], Wrong(forward with { NeedsWeight = true }));
    }

    [Fact]
    public void Bf16_may_be_as_far_off_as_it_rounds()
    {
        var narrow = Product with { Type = ScalarType.BFloat16 };
        Assert.Empty(LayerComparison.Faults(narrow));
        Assert.Equal(4, LayerComparison.Faults(narrow, (_, t) => t * 1.06).Count);
    }

    // Float64 of a frozen convolution is its plain folded form: geometry, residual and ReLU are those of the sums.
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void A_frozen_convolution_is_compared_with_what_follows_it(bool relu, bool residual)
    {
        var shape = Convolution([2, 4, 7, 6], [6, 2, 3, 2], [2, 1], [1, 0], [1, 2], 2) with
        {
            Kind = LayerKind.Frozen,
            HasRelu = relu,
            HasResidual = residual,
            NeedsInput = false,
            NeedsWeight = false,
            Type = ScalarType.Float64,
        };
        Assert.InRange(LayerComparison.Errors(shape)[0], 0, 1e-12);
        Assert.Single(LayerComparison.Faults(shape, (_, t) => t + 0.01));
    }

    private static IEnumerable<string> Wrong(LayerShape shape) =>
        LayerComparison.Faults(shape, (_, t) => t * 2).Select(f => f.Answer);

    private static readonly IEqualityComparer<double> Close = EqualityComparer<double>.Create(
        (a, b) => Math.Abs(a - b) < 1e-10,
        _ => 0
    );
}
