using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.SelfSupervised.Tests;

public sealed class BarlowTwinsTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>The sheet's example 13 of krr-st.</summary>
    internal static (Tensor Z1, Tensor Z2) Golden() =>
        (
            tensor(
                new double[,]
                {
                    { 1, 0 },
                    { 0, 1 },
                    { 2, 1 },
                    { 1, 2 },
                }
            ),
            tensor(
                new double[,]
                {
                    { 1, 1 },
                    { 0, 1 },
                    { 2, 0 },
                    { 1, 3 },
                }
            )
        );

    [Fact]
    public void Golden_13_the_loss_of_two_projections()
    {
        var (z1, z2) = Golden();
        Assert.Equal(0.1238246, BarlowTwins.Loss(z1, z2, 0.0051).item<double>(), 7);
        Assert.Equal(0.2285479, BarlowTwins.Loss(z1, z2, 1).item<double>(), 7);
        Assert.Equal(8e-10, BarlowTwins.Loss(z1, z1, 0.0051).item<double>(), 10);
    }

    [Fact]
    public void Golden_13_the_gradient_by_the_first_projection()
    {
        var (z1, z2) = Golden();
        z1.requires_grad = true;
        BarlowTwins.Loss(z1, z2, 0.0051).backward();
        double[] expected = [0.0002684, -0.1708723, 0.0008052, 0.0569589, 0.0008053, 0.2847947, -0.0018789, -0.1708814];
        foreach (var (want, got) in expected.Zip(z1.grad!.data<double>().ToArray()))
            Assert.Equal(want, got, 7);
    }

    [Fact]
    public void The_loss_is_that_of_a_plain_loop()
    {
        var (a, b) = (Wave([7, 5], 0.7), Wave([7, 5], 1.3));
        Assert.Equal(Loop(a, b, 0.02), BarlowTwins.Loss(a, b, 0.02).item<double>(), 12);
    }

    [Fact]
    public void Gradients_agree_with_differences()
    {
        var (a, b) = (Wave([5, 3], 0.7), Wave([5, 3], 1.3));
        Assert.InRange(GradientCheck.Error(x => BarlowTwins.Loss(x, b, 0.1), a), 0, 1e-8);
        Assert.InRange(GradientCheck.Error(x => BarlowTwins.Loss(a, x, 0.1), b), 0, 1e-8);
    }

    [Fact]
    public void Shapes_that_are_no_two_views_are_refused()
    {
        foreach (var (a, b) in new[] { (zeros(4, 2), zeros(4, 3)), (zeros(1, 2), zeros(1, 2)), (zeros(4), zeros(4)) })
            Assert.Equal(CoreErrors.ShapesDiffer, Assert.Throws<KdException>(() => BarlowTwins.Loss(a, b, 0.1)).Code);
    }

    internal static Tensor Wave(long[] shape, double pace) =>
        arange(shape.Aggregate(1L, (a, b) => a * b), ScalarType.Float64).mul(pace).add(0.3).sin().view(shape);

    private static double Loop(Tensor first, Tensor second, double lambda)
    {
        var (n, d) = (first.shape[0], first.shape[1]);
        double[,] Columns(Tensor z)
        {
            var result = new double[n, d];
            for (var j = 0; j < d; j++)
            {
                var column = Enumerable.Range(0, (int)n).Select(i => z[i, j].item<double>()).ToArray();
                var mean = column.Average();
                var variance = column.Sum(x => (x - mean) * (x - mean)) / n;
                for (var i = 0; i < n; i++)
                    result[i, j] = (column[i] - mean) / Math.Sqrt(variance + 1e-5);
            }
            return result;
        }
        var (a, b) = (Columns(first), Columns(second));
        var total = 0.0;
        for (var i = 0; i < d; i++)
        for (var j = 0; j < d; j++)
        {
            var c = Enumerable.Range(0, (int)n).Sum(k => a[k, i] * b[k, j]) / n;
            total += i == j ? (c - 1) * (c - 1) : lambda * c * c;
        }
        return total;
    }
}
