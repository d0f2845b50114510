using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Losses;

/// <summary>Slow and obvious forms of what the losses compute.</summary>
internal static class Numeric
{
    public static double[] Softmax(double[] logits, double temperature)
    {
        var top = logits.Max();
        var raised = logits.Select(z => Math.Exp((z - top) / temperature)).ToArray();
        return raised.Select(e => e / raised.Sum()).ToArray();
    }

    public static double Kl(double[] student, double[] teacher, double temperature)
    {
        var (q, p) = (Softmax(student, temperature), Softmax(teacher, temperature));
        var sum = 0.0;
        for (var c = 0; c < p.Length; c++)
            sum += p[c] * Math.Log(p[c] / q[c]);
        return sum * temperature * temperature;
    }

    /// <summary>The largest difference between the gradient of a scalar and central differences, at float64 points.</summary>
    public static double GradientError(Func<Tensor, Tensor> function, Tensor at, double step = 1e-5)
    {
        var point = at.detach().clone().requires_grad_(true);
        function(point).backward();
        var exact = Make.Flat(point.grad!);
        var worst = 0.0;
        using var _ = no_grad();
        for (var i = 0; i < exact.Length; i++)
        {
            double Shifted(double by)
            {
                var moved = at.detach().clone();
                moved.view(-1)[i] += by;
                return function(moved).item<double>();
            }
            worst = Math.Max(worst, Math.Abs((Shifted(step) - Shifted(-step)) / (2 * step) - exact[i]));
        }
        return worst;
    }
}
