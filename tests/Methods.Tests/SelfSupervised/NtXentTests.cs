using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.SelfSupervised.Tests;

public sealed class NtXentTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void The_loss_is_that_of_a_plain_loop()
    {
        var (a, b) = (BarlowTwinsTests.Wave([6, 4], 0.7), BarlowTwinsTests.Wave([6, 4], 1.3));
        Assert.Equal(Loop(a, b, 0.5), NtXent.Loss(a, b, 0.5).item<double>(), 12);
        Assert.Equal(Loop(a, b, 0.1), NtXent.Loss(a, b, 0.1).item<double>(), 12);
    }

    [Fact]
    public void Equal_views_that_are_orthogonal_to_all_others_leave_what_arithmetic_says()
    {
        // Each view: e^(1/t) for its partner against e^(1/t) + 2 (n - 1).
        var views = eye(3, dtype: ScalarType.Float64);
        Assert.Equal(Math.Log(1 + 4 / Math.Exp(2)), NtXent.Loss(views, views, 0.5).item<double>(), 12);
    }

    [Fact]
    public void Gradients_agree_with_differences()
    {
        var (a, b) = (BarlowTwinsTests.Wave([4, 3], 0.7), BarlowTwinsTests.Wave([4, 3], 1.3));
        Assert.InRange(GradientCheck.Error(x => NtXent.Loss(x, b, 0.5), a), 0, 1e-8);
        Assert.InRange(GradientCheck.Error(x => NtXent.Loss(a, x, 0.5), b), 0, 1e-8);
    }

    [Fact]
    public void What_is_no_two_views_is_refused()
    {
        var failure = Assert.Throws<KdException>(() => NtXent.Loss(zeros(1, 2), zeros(1, 2), 0.5));
        Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
        failure = Assert.Throws<KdException>(() => NtXent.Loss(zeros(2, 2), zeros(2, 2), 0));
        Assert.Equal(TorchErrors.BadArgument, failure.Code);
    }

    private static double Loop(Tensor first, Tensor second, double temperature)
    {
        var n = (int)first.shape[0];
        var rows = new double[2 * n][];
        for (var i = 0; i < 2 * n; i++)
        {
            var row = (i < n ? first[i] : second[i - n]).data<double>().ToArray();
            var norm = Math.Sqrt(row.Sum(x => x * x));
            rows[i] = [.. row.Select(x => x / norm)];
        }
        double Similarity(int i, int j) => Math.Exp(rows[i].Zip(rows[j], (x, y) => x * y).Sum() / temperature);
        var total = 0.0;
        for (var i = 0; i < 2 * n; i++)
            total -= Math.Log(
                Similarity(i, (i + n) % (2 * n))
                    / Enumerable.Range(0, 2 * n).Where(j => j != i).Sum(j => Similarity(i, j))
            );
        return total / (2 * n);
    }
}
