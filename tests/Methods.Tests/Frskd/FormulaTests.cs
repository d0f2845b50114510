using KdPlugins.Core;
using KdPlugins.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Frskd.Tests;

/// <summary>The formulas, held against the published code and against plain loops.</summary>
public sealed class FormulaTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static readonly Tensor F = Map(4, 1, 2, 3, 4, 0, 1, 1, 0);
    private static readonly Tensor T = Map(4, 2, 1, 0, 1, 1, 1, 2, 0);

    // [1, rows, 1, columns]
    private static Tensor Map(int columns, params double[] values) => tensor(values).view(1, -1, 1, columns);

    private static double[] Flat(Tensor t) => t.flatten().contiguous().data<double>().ToArray();

    private static void Close(double[] expected, Tensor actual, double within = 1e-9)
    {
        Assert.Equal(expected.Length, actual.numel());
        Assert.All(expected.Zip(Flat(actual)), p => Assert.Equal(p.First, p.Second, within));
    }

    [Fact]
    public void Golden_2_attention()
    {
        Close([0.0511644510, 0.2558222550, 0.5116445101, 0.8186312162], FeatureMath.Attention(F));
        Close([0.2321955706], FrskdMath.Attention(F, T));
        Tensor student = tensor(
            new double[,]
            {
                { 1, 2, .5, -1 },
                { 0, 1, 0, 3 },
            }
        );
        Tensor target = tensor(
            new double[,]
            {
                { 2, 1, 0, -1 },
                { -1, 0, 1, 4 },
            }
        );
        Close([0.3906891718], KdMath.KlDivergence(student, target, 4));
    }

    [Fact]
    public void Golden_3_fusion_weights()
    {
        Close([0.3333332222, 0.3333332222, 0.3333332222], FrskdMath.FusionWeights(ones(3, ScalarType.Float64)));
        Close([0.4999997500, 0.4999997500], FrskdMath.FusionWeights(ones(2, ScalarType.Float64)));
        Close([0, 1], FrskdMath.FusionWeights(tensor(new[] { -2.0, 1e6 })), 1e-11);
    }

    [Theory]
    [InlineData(3, 4, 7.0, 8.0, 11.0, 12.0)]
    [InlineData(3, 3, 6.0, 7.0, 10.0, 11.0)]
    [InlineData(2, 4, 7.0, 8.0)]
    public void Golden_4_pooling(int rows, int columns, params double[] expected)
    {
        var map = arange(1, 13, ScalarType.Float64).view(1, 1, 3, 4)[.., .., ..rows, ..columns];
        Close(expected, FrskdMath.SamePool(map));
    }

    [Theory]
    [InlineData(1, 0, -0.7978846)]
    [InlineData(0.5, 1, -0.1866078)]
    [InlineData(2, -1, -2.0183208)]
    [InlineData(-0.1, 1, -0.3)]
    public void Golden_6_margins(double weight, double bias, double expected) =>
        Assert.Equal(expected, FrskdMath.Margin(weight, bias), 1e-7);

    [Fact]
    public void Golden_6_distances()
    {
        var (own, refined) = (Map(2, 1, -2, .5, -1), Map(2, -3, .5, -.5, -2));
        // The source keeps its margins in single precision.
        Close([10.4823889755], FrskdMath.MarginDistance(own, refined, (float)FrskdMath.Margin(1, 0)));
        Close([2.0625], FrskdMath.Fit(own.relu(), refined.abs()));
    }

    [Fact]
    public void The_margin_distance_is_that_of_a_plain_loop()
    {
        var (own, refined) = (randn(3, 4, 2, 5, ScalarType.Float64), randn(3, 4, 2, 5, ScalarType.Float64));
        const double Margin = -0.3;
        var sum = 0.0;
        foreach (var (a, t) in Flat(own).Zip(Flat(refined)))
        {
            var target = Math.Max(t, Margin);
            if (a > target || target > 0)
                sum += (a - target) * (a - target);
        }
        Close([sum / 3], FrskdMath.MarginDistance(own, refined, Margin));
    }

    [Fact]
    public void Gradients_are_those_of_finite_differences_and_none_goes_to_the_refined_maps()
    {
        var (own, refined) = (randn(2, 3, 2, 3, ScalarType.Float64), randn(2, 3, 2, 3, ScalarType.Float64));
        Func<Tensor, Tensor, Tensor>[] forms =
        [
            FrskdMath.Attention,
            FrskdMath.Fit,
            (a, t) => FrskdMath.MarginDistance(a, t, -0.8),
        ];
        foreach (var form in forms)
        {
            Assert.True(GradientCheck.Error(x => form(x, refined), own) < 1e-8);
            var target = refined.clone().requires_grad_(true);
            form(own.clone().requires_grad_(true), target).backward();
            Assert.Null(target.grad);
        }
    }

    [Fact]
    public void Golden_9_the_ramp_and_the_divergence_of_pixels()
    {
        Assert.Equal(0, FrskdMath.Ramp(39, 40, 20));
        Assert.Equal(0.0109709984, FrskdMath.Ramp(40, 40, 20), 1e-10);
        Assert.Equal(0.2865047969, FrskdMath.Ramp(49, 40, 20), 1e-10);
        Assert.Equal(1, FrskdMath.Ramp(59, 40, 20));
        Assert.Equal(1, FrskdMath.Ramp(99, 40, 20));
        Assert.Equal(1, FrskdMath.Ramp(0, 0, 0));
        // The function alone, before its first epoch.
        Assert.Equal(0.0067379470, FrskdMath.Ramp(-1, -1, int.MaxValue), 1e-9);
        var k = arange(24, ScalarType.Float64).view(1, 3, 2, 4);
        Close([0.4047121581], KdMath.KlDivergence(k.sin(), k.cos(), 1));
    }
}
