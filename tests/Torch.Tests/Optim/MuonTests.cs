using KdPlugins.Torch.Optim;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Optim;

/// <summary>Muon against plain loops over doubles, written from the formulas.</summary>
public class MuonTests
{
    private const double Lr = 0.02;
    private const double Momentum = 0.9;
    private const double Decay = 0.1;

    private static double[,] Times(double[,] a, double[,] b)
    {
        var product = new double[a.GetLength(0), b.GetLength(1)];
        for (var i = 0; i < a.GetLength(0); i++)
        for (var j = 0; j < b.GetLength(1); j++)
        for (var k = 0; k < b.GetLength(0); k++)
            product[i, j] += a[i, k] * b[k, j];
        return product;
    }

    private static double[,] Turned(double[,] a)
    {
        var turned = new double[a.GetLength(1), a.GetLength(0)];
        for (var i = 0; i < a.GetLength(0); i++)
        for (var j = 0; j < a.GetLength(1); j++)
            turned[j, i] = a[i, j];
        return turned;
    }

    private static double[,] Sum(double x, double[,] a, double y, double[,] b)
    {
        var sum = new double[a.GetLength(0), a.GetLength(1)];
        for (var i = 0; i < a.GetLength(0); i++)
        for (var j = 0; j < a.GetLength(1); j++)
            sum[i, j] = (x * a[i, j]) + (y * b[i, j]);
        return sum;
    }

    // X ← aX + b(XXᵀ)X + c(XXᵀ)²X, whatever the sides: the same as on the smaller one.
    private static double[,] NewtonSchulz(double[,] m)
    {
        var norm = Math.Max(1e-7, Math.Sqrt(m.Cast<double>().Sum(v => v * v)));
        var x = Sum(1 / norm, m, 0, m);
        for (var round = 0; round < 5; round++)
        {
            var once = Times(Times(x, Turned(x)), x);
            var twice = Times(Times(x, Turned(x)), once);
            x = Sum(1, Sum(3.4445, x, -4.7750, once), 2.0315, twice);
        }
        return x;
    }

    private static double Gradient(int t, int i, double p) => Math.Cos((2 * t) + (1.7 * i)) + (0.3 * p);

    [Theory]
    [InlineData("3x5")]
    [InlineData("5x3")]
    [InlineData("1x4")]
    [InlineData("4x2x3x3")]
    [InlineData("40x2x2")]
    public void A_matrix_agrees_with_a_plain_loop(string sides)
    {
        long[] shape = [.. sides.Split('x').Select(long.Parse)];
        using var scope = NewDisposeScope();
        var (rows, columns) = ((int)shape[0], (int)shape[1..].Aggregate(1L, (a, b) => a * b));
        var x = new double[rows, columns];
        var buffer = new double[rows, columns];
        for (var i = 0; i < rows * columns; i++)
            x[i / columns, i % columns] = Math.Sin((3 * i) + 1);
        using var p = new Parameter(tensor(x).reshape(shape));
        using var muon = new Muon([("p", p)], Lr, Momentum, weightDecay: Decay);
        for (var t = 0; t < 4; t++)
        {
            var g = new double[rows, columns];
            for (var i = 0; i < rows * columns; i++)
                g[i / columns, i % columns] = Gradient(t, i, x[i / columns, i % columns]);
            p.grad = tensor(g).reshape(shape);
            muon.step();
            buffer = Sum(Momentum, buffer, 1 - Momentum, g);
            var update = NewtonSchulz(Sum(1 - Momentum, g, Momentum, buffer));
            x = Sum(1 - (Lr * Decay), x, -Lr * 0.2 * Math.Sqrt(Math.Max(rows, columns)), update);
            var values = p.data<double>().ToArray();
            for (var i = 0; i < values.Length; i++)
                Assert.Equal(x[i / columns, i % columns], values[i], 1e-9);
        }
    }

    [Fact]
    public void Singular_values_of_an_update_are_near_one()
    {
        using var scope = NewDisposeScope();
        using var p = new Parameter(zeros(6, 8, dtype: ScalarType.Float64));
        using var muon = new Muon([("p", p)], 1, 0);
        var g = new double[6, 8];
        for (var i = 0; i < 48; i++)
            g[i / 8, i % 8] = Math.Cos(i * i);
        p.grad = tensor(g);
        muon.step();
        var found = linalg.svdvals(p.detach() / (0.2 * Math.Sqrt(8))).data<double>().ToArray();
        Assert.All(found, s => Assert.InRange(s, 0.6, 1.3));
    }

    [Fact]
    public void What_is_no_matrix_is_AdamWs()
    {
        using var scope = NewDisposeScope();
        using var bias = new Parameter(tensor([0.5, -0.25, 2.0]));
        using var twin = new Parameter(bias.detach().clone());
        using var muon = new Muon([("bias", bias)], Lr, Momentum, 0.8, 0.9, 1e-3, Decay);
        using var adam = new FusedAdam([("bias", twin)], Lr, 0.8, 0.9, 1e-3, Decay, decoupled: true);
        for (var t = 0; t < 5; t++)
        {
            foreach (var p in (Parameter[])[bias, twin])
                p.grad = tensor(p.data<double>().ToArray().Select((v, i) => Gradient(t, i, v)).ToArray());
            muon.step();
            adam.step();
        }
        Assert.All(
            twin.data<double>().ToArray().Zip(bias.data<double>().ToArray()),
            v => Assert.Equal(v.First, v.Second, 1e-12)
        );
    }

    [Fact]
    public void A_matrix_remembers_its_momentum_alone()
    {
        using var scope = NewDisposeScope();
        using var weight = new Parameter(ones(2, 3));
        using var bias = new Parameter(ones(2));
        using var muon = new Muon([("weight", weight), ("bias", bias)]);
        weight.grad = ones(2, 3);
        bias.grad = ones(2);
        muon.step();
        using var state = muon.ExportState();
        Assert.Equal(
            [
                "@optimizer",
                "bias.exp_avg_sq",
                "bias.momentum_buffer",
                "bias.step",
                "weight.momentum_buffer",
                "weight.step",
            ],
            state.Tensors.Keys.Order(StringComparer.Ordinal)
        );
    }
}
