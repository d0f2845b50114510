using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Optim;

/// <summary>The parameters and gradients of <c>Golden/optimizers.py</c>, computed here by plain loops.</summary>
internal sealed class Quadratics : IDisposable
{
    internal static readonly string[] Names = ["a", "b", "c"];
    private static readonly long[][] Shapes =
    [
        [3, 4],
        [5],
        [2, 2, 3],
    ];

    internal Quadratics(ScalarType dtype)
    {
        for (var k = 0; k < Shapes.Length; k++)
        {
            var n = Shapes[k].Aggregate(1L, (x, y) => x * y);
            var start = Enumerable.Range(0, (int)n).Select(i => (11 * i + 3 * k) % 13 / 8.0 - 0.7).ToArray();
            using var data = tensor(start, dtype: ScalarType.Float64);
            Parameters.Add(new Parameter(data.to(dtype).reshape(Shapes[k])));
        }
    }

    internal List<Parameter> Parameters { get; } = [];

    internal IEnumerable<(string name, Parameter parameter)> Named(params int[] which) =>
        which.Select(k => (Names[k], Parameters[k]));

    /// <summary>The gradients of step t; "b" has none in every third step, the first among them.</summary>
    internal void SetGradients(int t)
    {
        using var scope = NewDisposeScope();
        for (var k = 0; k < Parameters.Count; k++)
        {
            var p = Parameters[k];
            if (k == 1 && t % 3 == 0)
            {
                p.grad = null;
                continue;
            }
            var n = (int)p.numel();
            Tensor Coefficient(Func<int, double> f) =>
                tensor(Enumerable.Range(0, n).Select(f).ToArray(), dtype: ScalarType.Float64).to(p.dtype);
            var c = Coefficient(i => 0.25 + (7 * i + k) % 5 / 8.0);
            var d = Coefficient(i => (3 * i + 2 * k) % 7 / 4.0 - 0.75);
            var e = Coefficient(i => ((5 * i + k) % 3 - 1) / 64.0);
            p.grad = (c * (p.detach().reshape(-1) - d) + e * (t + 1)).reshape(p.shape);
        }
    }

    internal void Train(optim.Optimizer optimizer, int from, int to)
    {
        for (var t = from; t < to; t++)
        {
            SetGradients(t);
            optimizer.step();
        }
    }

    internal double[] Values(int k)
    {
        using var scope = NewDisposeScope();
        return Parameters[k].detach().to(ScalarType.Float64).reshape(-1).data<double>().ToArray();
    }

    public void Dispose() => Parameters.ForEach(p => p.Dispose());
}
