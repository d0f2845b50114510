using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.KrrSt.Tests;

public sealed class RidgeTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    internal static void Close(double[] expected, Tensor got, double tolerance = 1e-6)
    {
        var values = got.detach().to(ScalarType.Float64).contiguous().data<double>().ToArray();
        Assert.Equal(expected.Length, values.Length);
        foreach (var (want, value) in expected.Zip(values))
            Assert.InRange(value, want - tolerance, want + tolerance);
    }

    private static double Outer((Tensor S, Tensor R, Tensor Ys, Tensor Yr) g) =>
        Ridge.Loss(g.S, g.R, g.Ys, g.Yr, Goldens.Ridge).item<double>();

    [Fact]
    public void Golden_1_kernel_prediction_and_loss_of_a_line()
    {
        var g = Goldens.Line();
        var phi = Ridge.WithOnes(g.FeaturesS);
        Close([2, 3, 3, 5], phi.mm(phi.t()), 0);
        Close([4, 7, 1, 1], Ridge.WithOnes(g.FeaturesR).mm(phi.t()), 0);
        Close([4.99993000, -0.99992300], Ridge.Predict(g.FeaturesS, g.FeaturesR, g.TargetsS, Goldens.Ridge), 1e-8);
        Assert.Equal(0.49992301, Outer(g), 8);
    }

    [Fact]
    public void Golden_2_gradients_of_a_line_without_that_of_lambda()
    {
        var g = Goldens.Line();
        var (s, y) = (g.FeaturesS.requires_grad_(true), g.TargetsS.requires_grad_(true));
        Ridge.Loss(s, g.FeaturesR, y, g.TargetsR, Goldens.Ridge).backward();
        Close([-1.9996850, 0.9997270], y.grad!, 1e-7);
        // With lambda's gradient it would be 3.9991661, -1.9993861.
        Close([3.9991881, -1.9993421], s.grad!, 1e-7);
    }

    [Fact]
    public void Golden_3_the_primal_solution_is_the_same()
    {
        var g = Goldens.Line();
        var (phiS, phiR) = (Ridge.WithOnes(g.FeaturesS), Ridge.WithOnes(g.FeaturesR));
        var gram = phiS.t().mm(phiS) + eye(2, dtype: ScalarType.Float64) * 7e-6;
        var w = linalg.solve(gram, phiS.t().mm(g.TargetsS));
        Close([1.99995100, -0.99992300], w, 1e-8);
        var dual = Ridge.Predict(g.FeaturesS, g.FeaturesR, g.TargetsS, Goldens.Ridge);
        Close(phiR.mm(w).data<double>().ToArray(), dual, 1e-9);
    }

    [Fact]
    public void Golden_4_at_its_own_samples_the_prediction_interpolates()
    {
        var g = Goldens.Line();
        Close([1.0000280, 2.9999790], Ridge.Predict(g.FeaturesS, g.FeaturesS, g.TargetsS, Goldens.Ridge), 1e-7);
        Close([1, 3], Ridge.Predict(g.FeaturesS, g.FeaturesS, g.TargetsS, 1e-12), 1e-9);
    }

    [Fact]
    public void Golden_5_order_and_scale_do_not_matter()
    {
        var g = Goldens.Plane();
        var loss = Outer(g);
        var (turn, other) = (tensor(new long[] { 2, 0, 1 }), tensor(new long[] { 3, 1, 0, 2 }));
        Assert.Equal(loss, Outer(g with { FeaturesS = g.FeaturesS[turn], TargetsS = g.TargetsS[turn] }), 9);
        Assert.Equal(loss, Outer(g with { FeaturesR = g.FeaturesR[other], TargetsR = g.TargetsR[other] }), 9);
        var (phiS, phiR) = (Ridge.WithOnes(g.FeaturesS), Ridge.WithOnes(g.FeaturesR));
        Close(
            Ridge.PredictFrom(phiS, phiR, g.TargetsS, Goldens.Ridge).data<double>().ToArray(),
            Ridge.PredictFrom(phiS * 37, phiR * 37, g.TargetsS, Goldens.Ridge),
            1e-8
        );
    }

    [Fact]
    public void Golden_6_soft_cross_entropy_at_temperature_1()
    {
        static double Loss(double[,] student, double[,] teacher) =>
            KdMath.SoftCrossEntropy(tensor(student), KdMath.LogProbabilities(tensor(teacher), 1).exp()).item<double>();
        var teacher = new double[,]
        {
            { 1, 0 },
        };
        Assert.Equal(
            0.6931472,
            Loss(
                new double[,]
                {
                    { 0, 0 },
                },
                teacher
            ),
            7
        );
        Assert.Equal(0.5822031, Loss(teacher, teacher), 7);
        var (student, taught) = (
            new double[,]
            {
                { 1, 2, 0 },
                { 0, 0, 1 },
            },
            new double[,]
            {
                { 2, 0, 0 },
                { 0, 1, 0 },
            }
        );
        Assert.Equal(1.3735546, Loss(student, taught), 7);
        Assert.Equal(2.7471091, 2 * Loss(student, taught), 7);
    }

    [Fact]
    public void Golden_7_images_get_a_gradient_and_frozen_weights_none()
    {
        var (x, weight) = (randn(4, 3, 8, 8, requires_grad: true), randn(6, 3, 3, 3));
        Tensor Features(Tensor images) => nn.functional.conv2d(images, weight).relu().mean([2, 3]);
        var y = randn(4, 2, requires_grad: true);
        Ridge.Loss(Features(x), Features(randn(5, 3, 8, 8)), y, randn(5, 2), Goldens.Ridge).backward();
        Assert.True(x.grad!.abs().sum().item<float>() > 0);
        Assert.True(y.grad!.abs().sum().item<float>() > 0);
        Assert.Null(weight.grad);
    }

    [Fact]
    public void Golden_8_two_features_and_two_outputs()
    {
        var g = Goldens.Plane();
        var (s, y) = (g.FeaturesS.requires_grad_(true), g.TargetsS.requires_grad_(true));
        double[] expected =
        [
            4.9995401,
            -3.9994501,
            -3.9994101,
            4.9992901,
            -1.9995701,
            2.9994801,
            3.9995101,
            -2.9994101,
        ];
        Close(expected, Ridge.Predict(s, g.FeaturesR, y, Goldens.Ridge), 1e-7);
        var loss = Ridge.Loss(s, g.FeaturesR, y, g.TargetsR, Goldens.Ridge);
        loss.backward();
        Assert.Equal(12.1838197, loss.item<double>(), 7);
        Close([33.7282104, 11.2407837, 21.7369996, 7.2444471, -56.2186484, -18.7366401], s.grad!, 2e-7);
        Close([-5.2480942, 5.9977843, -3.6239028, 3.6237253, 8.7473306, -9.9968883], y.grad!, 1e-7);
    }

    [Fact]
    public void Golden_9_more_samples_than_rank()
    {
        var g = Goldens.Deficient();
        var (s, y) = (g.FeaturesS.requires_grad_(true), g.TargetsS.requires_grad_(true));
        Close([2.1428564, 1.4999486], Ridge.Predict(s, g.FeaturesR, y, Goldens.Ridge), 1e-7);
        var loss = Ridge.Loss(s, g.FeaturesR, y, g.TargetsR, Goldens.Ridge);
        loss.backward();
        Assert.Equal(5.2065576, loss.item<double>(), 7);
        Close([0.5932185, -1.2266212, 0.9242230], s.grad!, 1e-7);
        Close([1.0917233, -0.0663814, -2.3825908], y.grad!, 1e-7);
    }

    [Fact]
    public void Golden_10_the_inner_loss_is_a_mean_over_samples_and_targets()
    {
        var loss = Ridge.Regression(
            tensor(
                new double[,]
                {
                    { 1, 2 },
                    { 0, 0 },
                }
            ),
            tensor(
                new double[,]
                {
                    { 0, 0 },
                    { 1, 0 },
                }
            )
        );
        Assert.Equal(1.5, loss.item<double>());
    }

    [Fact]
    public void Golden_11_a_whole_step_through_a_convnet()
    {
        var x = Goldens.Wave(j => (j * 0.37).sin(), 4, 3, 32, 32).requires_grad_(true);
        var real = Goldens.Wave(j => (j * 0.23).cos(), 3, 3, 32, 32);
        var y = Goldens.Wave(j => (j * 0.19 + 0.5).sin(), 4, 512).requires_grad_(true);
        var taught = Goldens.Wave(j => (j * 0.13).cos(), 3, 512);

        var features = ConvNetFeatures(x);
        Assert.Equal(19450.2411427, features.sum().item<double>(), 5);
        Assert.Equal(170.1817446, features.square().sum().sqrt().item<double>(), 6);
        var fc = features.mm(Goldens.Weight(12, false, 512, 8192).t()) + Goldens.Weight(13, false, 512);
        Close([-0.4216955, -0.3495450, -0.2531027], fc[0][..3], 1e-7);

        var loss = Ridge.Loss(features, ConvNetFeatures(real).detach(), y, taught, Goldens.Ridge);
        loss.backward();
        Assert.Equal(0.8804815, loss.item<double>(), 7);
        Assert.Equal(467.7910158, x.grad!.square().sum().sqrt().item<double>(), 4);
        Assert.Equal(0.1624965, y.grad!.square().sum().sqrt().item<double>(), 7);
        Close([0.0059857, 0.0060290, 0.0058992], y.grad.flatten()[..3], 1e-7);
    }

    // 128-256-512, in evaluation mode with running mean 0 and variance 1.
    private static Tensor ConvNetFeatures(Tensor x)
    {
        long[] widths = [3, 128, 256, 512];
        for (var block = 0; block < 3; block++)
        {
            var (k, width) = (4 * block, widths[block + 1]);
            x = nn.functional.conv2d(
                x,
                Goldens.Weight(k, false, width, widths[block], 3, 3),
                Goldens.Weight(k + 1, false, width),
                padding: [1, 1]
            );
            var scale = Goldens.Weight(k + 2, true, width).view(1, -1, 1, 1) / Math.Sqrt(1 + 1e-5);
            x = x * scale + Goldens.Weight(k + 3, false, width).view(1, -1, 1, 1);
            x = nn.functional.avg_pool2d(x.relu(), 2);
        }
        return x.flatten(1);
    }

    [Fact]
    public void Gradients_agree_with_differences_where_lambda_is_held()
    {
        var g = Goldens.Plane();
        Assert.InRange(
            GradientCheck.Error(y => Ridge.Loss(g.FeaturesS, g.FeaturesR, y, g.TargetsR, 1e-3), g.TargetsS),
            0,
            1e-7
        );
        // lambda carries no gradient, so the differences have to hold it too: the ridge falls as the trace grows.
        var trace = Trace(g.FeaturesS);
        Assert.InRange(
            GradientCheck.Error(
                s => Ridge.Loss(s, g.FeaturesR, g.TargetsS, g.TargetsR, 1e-3 * trace / Trace(s)),
                g.FeaturesS
            ),
            0,
            1e-6
        );
        static double Trace(Tensor s) => (s.detach().square().sum() + s.shape[0]).item<double>();
    }

    [Theory]
    [InlineData(40, 12, 3)]
    [InlineData(60, 80, 2)]
    public void Float32_features_give_what_a_plain_elimination_in_double_gives(long m, long p, long d)
    {
        var s = Goldens.Wave(j => (j * 0.37).sin(), m, p).to(ScalarType.Float32);
        var r = Goldens.Wave(j => (j * 0.23).cos(), 7, p).to(ScalarType.Float32);
        var y = Goldens.Wave(j => (j * 0.19).sin(), m, d).to(ScalarType.Float32);
        var expected = Eliminate(s.to(ScalarType.Float64), r.to(ScalarType.Float64), y.to(ScalarType.Float64), 1e-4);
        var got = Ridge.Predict(s, r, y, 1e-4);
        Assert.Equal(ScalarType.Float32, got.dtype);
        Close(expected, got, 2e-3);
        Close(expected, Ridge.Predict(s.to(float64), r.to(float64), y.to(float64), 1e-4), 1e-8);
    }

    // Gauss with pivots, row by row.
    private static double[] Eliminate(Tensor s, Tensor r, Tensor y, double ridge)
    {
        var (m, p, d) = ((int)s.shape[0], (int)s.shape[1], (int)y.shape[1]);
        double[][] Rows(Tensor t) =>
            [.. Enumerable.Range(0, (int)t.shape[0]).Select(i => t[i].data<double>().ToArray())];
        var (rowsS, rowsR, rowsY) = (Rows(s), Rows(r), Rows(y));
        double Kernel(double[] a, double[] b) => 1 + Enumerable.Range(0, p).Sum(i => a[i] * b[i]);
        var trace = rowsS.Sum(row => Kernel(row, row));
        var system = new double[m][];
        for (var i = 0; i < m; i++)
        {
            system[i] = [.. rowsS.Select(row => Kernel(rowsS[i], row)), .. rowsY[i]];
            system[i][i] += ridge * trace;
        }
        for (var c = 0; c < m; c++)
        {
            var pivot = Enumerable.Range(c, m - c).MaxBy(i => Math.Abs(system[i][c]));
            (system[c], system[pivot]) = (system[pivot], system[c]);
            for (var i = 0; i < m; i++)
            {
                if (i == c)
                    continue;
                var factor = system[i][c] / system[c][c];
                for (var j = c; j < m + d; j++)
                    system[i][j] -= factor * system[c][j];
            }
        }
        return
        [
            .. rowsR.SelectMany(row =>
                Enumerable
                    .Range(0, d)
                    .Select(o =>
                        Enumerable.Range(0, m).Sum(i => Kernel(row, rowsS[i]) * system[i][m + o] / system[i][i])
                    )
            ),
        ];
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        void Fails(Func<object> action) =>
            Assert.Equal(CoreErrors.ShapesDiffer, Assert.Throws<KdException>(action).Code);
        Fails(() => Ridge.WithOnes(zeros(2)));
        Fails(() => Ridge.Predict(zeros(2, 3), zeros(4, 2), zeros(2, 1), 1e-6));
        Fails(() => Ridge.Predict(zeros(2, 3), zeros(4, 3), zeros(3, 1), 1e-6));
        Fails(() => Ridge.Predict(zeros(2, 3), zeros(4, 3), zeros(2), 1e-6));
        Fails(() => Ridge.Loss(ones(2, 3), ones(4, 3), ones(2, 1), zeros(4, 2), 1e-6));
        Fails(() => Ridge.Regression(zeros(2, 3), zeros(3, 2)));
    }
}
