using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.SelectiveFd.Tests;

/// <summary>Density ratios against the sheet's numbers and against plain loops.</summary>
public sealed class KulsifTests : IDisposable
{
    private const double Close = 1e-9;

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Tensor Rows(int columns, params double[] values) => tensor(values).view(-1, columns);

    private static void Same(double[] expected, Tensor found, double close = Close) =>
        Assert.All(
            expected.Zip(found.to(ScalarType.Float64).flatten().contiguous().data<double>().ToArray()),
            p => Assert.InRange(p.Second, p.First - close, p.First + close)
        );

    private static (Tensor Known, Tensor Auxiliary, Tensor Points) TwoDimensional() =>
        (
            Rows(2, .2, .1, .4, -.3, 0, .2),
            Rows(2, -1, -1, 1, -1, 0, .5, -1, 1, 1, 1),
            Rows(2, .3, -.1, 0, 0, 1.5, 1.5, -2, 0)
        );

    [Theory]
    [InlineData(
        Estimator.Solve,
        new[] { -0.2038647731, -0.5968442848, -0.4397732431 },
        new[] { 0.8952664272, 0.9014999435, 0.1102129720 }
    )]
    [InlineData(
        Estimator.Released,
        new[] { -0.4079186525, -0.6860193603, -0.5544869918 },
        new[] { 0.6127490119, 0.6553220922, 0.0263001983 }
    )]
    public void Golden_1_in_one_dimension(Estimator estimator, double[] alpha, double[] ratios)
    {
        var (known, auxiliary) = (Rows(1, 0, .5), Rows(1, -1, 0, 1));
        var found = Kulsif.Coefficients(known, auxiliary, 1, .5, estimator);
        Same(alpha, found);
        Same(ratios, Kulsif.Ratios(Rows(1, 0, .5, 2), known, auxiliary, found, 1, .5));
    }

    [Theory]
    [InlineData(
        1,
        Estimator.Solve,
        new[] { -0.1491461056, -0.2640333305, -0.5067744561, -0.1136357052, -0.1951761277 },
        new[] { 1.4397973269, 1.4024917648, 0.0379333731, 0.0445308095 }
    )]
    [InlineData(
        1,
        Estimator.Released,
        new[] { -0.1071983943, -0.1538117842, -0.2923914821, -0.1391264408, -0.1738649763 },
        new[] { 1.6836738572, 1.6461264337, 0.1001113733, 0.0770756479 }
    )]
    [InlineData(
        5,
        Estimator.Solve,
        new[] { -0.3049832258, -0.3194524815, -0.3200561603, -0.2999793341, -0.3142453287 },
        new[] { 0.7265321313, 0.7224577935, 0.6711714645, 0.6329650039 }
    )]
    [InlineData(
        5,
        Estimator.Released,
        new[] { -0.5904346321, -0.5937211687, -0.6153215503, -0.5938574119, -0.5971030811 },
        new[] { -0.6555674516, -0.6632298039, -0.6067522535, -0.6509900837 }
    )]
    public void Golden_2_in_two_dimensions(double sigma, Estimator estimator, double[] alpha, double[] ratios)
    {
        var (known, auxiliary, points) = TwoDimensional();
        var lambda = 1 / Math.Sqrt(5);
        var found = Kulsif.Coefficients(known, auxiliary, sigma, lambda, estimator);
        Same(alpha, found);
        Same(ratios, Kulsif.Ratios(points, known, auxiliary, found, sigma, lambda));
    }

    // Of all weights of the kernel: those of auxiliary points, and 1 / (m lambda) on every known one.
    [Theory]
    [InlineData(Estimator.Solve, 0, -0.4491915927)]
    [InlineData(Estimator.Released, 0.33, -0.3910848259)]
    public void Golden_3_the_solution_is_where_the_objective_is_flat(Estimator estimator, double gradient, double value)
    {
        var (known, auxiliary) = (Rows(1, 0, .5), Rows(1, -1, 0, 1));
        var alpha = Kulsif.Coefficients(known, auxiliary, 1, .5, estimator);
        Same([value], Kulsif.Objective(known, auxiliary, alpha, 1, .5));
        double[] weights = [.. alpha.data<double>().ToArray(), 1, 1];
        var largest = 0.0;
        for (var i = 0; i < weights.Length; i++)
        {
            double At(double step)
            {
                double[] moved = [.. weights];
                moved[i] += step;
                return Objective([0, .5], [-1, 0, 1], moved, 1, .5);
            }
            largest = Math.Max(largest, Math.Abs((At(1e-4) - At(-1e-4)) / 2e-4));
        }
        Assert.Equal(value, Objective([0, .5], [-1, 0, 1], weights, 1, .5), 9);
        Assert.Equal(gradient, largest, gradient == 0 ? 1e-9 : 5e-3);
    }

    [Fact]
    public void Golden_4_far_from_all_known_samples_the_ratio_goes_to_nothing()
    {
        var (known, auxiliary, _) = TwoDimensional();
        var alpha = Kulsif.Coefficients(known, auxiliary, 1, .4, Estimator.Solve);
        double At(double x) => Kulsif.Ratios(Rows(2, x, 0), known, auxiliary, alpha, 1, .4).item<double>();
        Assert.True(At(.2) > At(1.5));
        Assert.InRange(Math.Abs(At(30)), 0, 1e-12);
    }

    [Theory]
    [InlineData(Estimator.Solve)]
    [InlineData(Estimator.Released)]
    public void Coefficients_and_ratios_are_those_of_plain_loops(Estimator estimator)
    {
        var random = new Random(4);
        double[][] Points(int count) =>
            [
                .. Enumerable
                    .Range(0, count)
                    .Select(_ => new[] { random.NextDouble() * 3, random.NextDouble(), -random.NextDouble() }),
            ];
        var (u, v, x) = (Points(7), Points(11), Points(5));
        static Tensor Of(double[][] rows) => Rows(3, [.. rows.SelectMany(r => r)]);
        const double Sigma = .8;
        const double Lambda = .13;
        var alpha = Kulsif.Coefficients(Of(u), Of(v), Sigma, Lambda, estimator);
        var expected = Alpha(u, v, Sigma, Lambda, estimator);
        Same(expected, alpha);
        var ratios = x.Select(p =>
            Enumerable.Range(0, v.Length).Sum(i => expected[i] * Kernel(p, v[i], Sigma))
            + u.Sum(k => Kernel(p, k, Sigma)) / (u.Length * Lambda)
        );
        Same([.. ratios], Kulsif.Ratios(Of(x), Of(u), Of(v), alpha, Sigma, Lambda));
    }

    [Fact]
    public void Points_of_another_dimension_are_refused()
    {
        var error = Assert.Throws<KdException>(() => Kulsif.Kernel(Rows(2, 1, 2), Rows(3, 1, 2, 3), 1));
        Assert.Equal("KDP0002", error.Code.Id);
    }

    private static double Kernel(double[] a, double[] b, double sigma) =>
        Math.Exp(-a.Zip(b).Sum(p => (p.First - p.Second) * (p.First - p.Second)) / (2 * sigma * sigma));

    // Elimination with pivots.
    private static double[] Alpha(double[][] u, double[][] v, double sigma, double lambda, Estimator estimator)
    {
        var n = v.Length;
        var matrix = new double[n, n];
        var right = new double[n];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++)
                matrix[i, j] = Kernel(v[i], v[j], sigma) / n + (i == j ? lambda : 0);
            right[i] = -u.Sum(k => Kernel(v[i], k, sigma)) / (n * u.Length * lambda);
        }
        if (estimator == Estimator.Released)
            return [.. Enumerable.Range(0, n).Select(i => Enumerable.Range(0, n).Sum(j => matrix[i, j] * right[j]))];
        for (var c = 0; c < n; c++)
        {
            var pivot = Enumerable.Range(c, n - c).MaxBy(r => Math.Abs(matrix[r, c]));
            (right[c], right[pivot]) = (right[pivot], right[c]);
            for (var j = 0; j < n; j++)
                (matrix[c, j], matrix[pivot, j]) = (matrix[pivot, j], matrix[c, j]);
            for (var r = c + 1; r < n; r++)
            {
                var factor = matrix[r, c] / matrix[c, c];
                right[r] -= factor * right[c];
                for (var j = c; j < n; j++)
                    matrix[r, j] -= factor * matrix[c, j];
            }
        }
        for (var c = n - 1; c >= 0; c--)
            right[c] = (right[c] - Enumerable.Range(c + 1, n - c - 1).Sum(j => matrix[c, j] * right[j])) / matrix[c, c];
        return right;
    }

    // 1/2 E_q[r^2] - E_p[r] + lambda/2 |r|^2 of r = sum w_a k(., c_a) over auxiliary and known points c.
    private static double Objective(double[] u, double[] v, double[] weights, double sigma, double lambda)
    {
        double[] centres = [.. v, .. u];
        // The known ones' weights are given in units of 1 / (m lambda).
        double[] w = [.. weights.Select((x, i) => i < v.Length ? x : x / (u.Length * lambda))];
        double R(double x) => centres.Select((c, a) => w[a] * Kernel([x], [c], sigma)).Sum();
        var norm = centres.Select((c, a) => w[a] * R(c)).Sum();
        return v.Average(x => R(x) * R(x)) / 2 - u.Average(R) + lambda / 2 * norm;
    }
}
