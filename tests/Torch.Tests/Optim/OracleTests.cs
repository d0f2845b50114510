using FsCheck;
using FsCheck.Xunit;
using KdPlugins.Torch.Optim;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Optim;

/// <summary>Random hyper-parameters against plain loops over doubles, written from the formulas.</summary>
public class OracleTests
{
    private const int Steps = 7;

    private static double Start(int i) => Math.Sin(3 * i + 1);

    private static double Gradient(int t, int i, double p) => Math.Cos(2 * t + i) + 0.3 * p;

    private static void Compare(int size, Func<Parameter, NamedOptimizer> make, Action<int, double[]> oracle)
    {
        using var scope = NewDisposeScope();
        var expected = Enumerable.Range(0, size).Select(Start).ToArray();
        using var p = new Parameter(tensor(expected, dtype: ScalarType.Float64));
        using var optimizer = make(p);
        for (var t = 0; t < Steps; t++)
        {
            var values = p.data<double>().ToArray();
            p.grad = tensor(values.Select((x, i) => Gradient(t, i, x)).ToArray(), dtype: ScalarType.Float64);
            optimizer.step();
            oracle(t, expected);
        }
        Assert.All(expected.Zip(p.data<double>().ToArray()), v => Assert.Equal(v.First, v.Second, 1e-11));
    }

    [Property(MaxTest = 60)]
    public void Sgd_agrees_with_a_plain_loop(
        byte rate,
        byte momentum,
        byte decay,
        byte dampening,
        bool nesterov,
        byte size
    )
    {
        var (lr, mu, wd, damp) = (rate / 256.0, momentum / 256.0, decay / 1024.0, dampening / 256.0);
        if (nesterov)
            (mu, damp) = (Math.Max(mu, 0.25), 0);
        var buffer = new double[size + 1];
        Compare(
            size + 1,
            p => new FusedSgd([("p", p)], lr, mu, wd, damp, nesterov),
            (t, x) =>
            {
                for (var i = 0; i < x.Length; i++)
                {
                    var g = Gradient(t, i, x[i]) + wd * x[i];
                    buffer[i] = t == 0 ? g : mu * buffer[i] + (1 - damp) * g;
                    x[i] -=
                        lr
                        * (
                            mu == 0 ? g
                            : nesterov ? g + mu * buffer[i]
                            : buffer[i]
                        );
                }
            }
        );
    }

    [Property(MaxTest = 60)]
    public void Adam_and_AdamW_agree_with_a_plain_loop(
        byte rate,
        byte first,
        byte second,
        byte decay,
        bool decoupled,
        byte size
    )
    {
        var (lr, beta1, beta2, wd) = (rate / 1024.0, first / 256.0, second / 256.0, decay / 1024.0);
        // Near a gradient of 0 a step turns rounding into up to 0.25 * 0.3 / epsilon of it: below 1, or some draws would amplify it.
        const double epsilon = 0.1;
        var (m, v) = (new double[size + 1], new double[size + 1]);
        Compare(
            size + 1,
            p => new FusedAdam([("p", p)], lr, beta1, beta2, epsilon, wd, decoupled),
            (t, x) =>
            {
                for (var i = 0; i < x.Length; i++)
                {
                    var g = Gradient(t, i, x[i]);
                    if (decoupled)
                        x[i] -= lr * wd * x[i];
                    else
                        g += wd * x[i];
                    m[i] = beta1 * m[i] + (1 - beta1) * g;
                    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
                    var mean = m[i] / (1 - Math.Pow(beta1, t + 1));
                    var square = v[i] / (1 - Math.Pow(beta2, t + 1));
                    x[i] -= lr * mean / (Math.Sqrt(square) + epsilon);
                }
            }
        );
    }

    [Property(MaxTest = 60)]
    public void Lars_agrees_with_a_plain_loop(byte rate, byte momentum, byte decay, byte trust, bool exclude, byte size)
    {
        var (lr, mu, wd, eta) = (rate / 256.0, momentum / 256.0, decay / 1024.0, trust / 256.0);
        var buffer = new double[size + 1];
        Compare(
            size + 1,
            p => new Lars([("p", p)], lr, mu, wd, eta, exclude),
            (t, x) =>
            {
                var g = x.Select((p, i) => Gradient(t, i, p) + (exclude ? 0 : wd * p)).ToArray();
                var q = exclude ? 1 : eta * Math.Sqrt(x.Sum(a => a * a)) / Math.Sqrt(g.Sum(a => a * a));
                for (var i = 0; i < x.Length; i++)
                {
                    buffer[i] = mu * buffer[i] + q * g[i];
                    x[i] -= lr * buffer[i];
                }
            }
        );
    }

    [Property(MaxTest = 60)]
    public void Lion_agrees_with_a_plain_loop(byte rate, byte first, byte second, byte decay, byte size)
    {
        var (lr, beta1, beta2, wd) = (rate / 1024.0, first / 256.0, second / 256.0, decay / 1024.0);
        var m = new double[size + 1];
        Compare(
            size + 1,
            p => new Lion([("p", p)], lr, beta1, beta2, wd),
            (t, x) =>
            {
                for (var i = 0; i < x.Length; i++)
                {
                    var g = Gradient(t, i, x[i]);
                    x[i] -= lr * wd * x[i];
                    x[i] -= lr * Math.Sign(beta1 * m[i] + (1 - beta1) * g);
                    m[i] = beta2 * m[i] + (1 - beta2) * g;
                }
            }
        );
    }

    [Fact]
    public void Lars_leaves_an_update_alone_where_weights_or_gradient_are_zero()
    {
        using var scope = NewDisposeScope();
        using var zero = new Parameter(zeros(2, 2, dtype: ScalarType.Float64));
        using var still = new Parameter(ones(2, 2, dtype: ScalarType.Float64));
        using var lars = new Lars([("zero", zero), ("still", still)], 0.5, momentum: 0);
        zero.grad = ones(2, 2, dtype: ScalarType.Float64);
        still.grad = zeros(2, 2, dtype: ScalarType.Float64);
        lars.step();
        Assert.Equal([-0.5, -0.5, -0.5, -0.5], zero.data<double>().ToArray());
        Assert.Equal([1.0, 1, 1, 1], still.data<double>().ToArray());
    }
}
