using static TorchSharp.torch;

namespace KdPlugins.Testing;

/// <summary>Gradients against central differences.</summary>
public static class GradientCheck
{
    /// <summary>The largest difference between the gradient of a scalar function and central differences.</summary>
    /// <param name="function">From a tensor to a scalar with graph.</param>
    /// <param name="at">The point, float64, any shape; it stays unchanged.</param>
    /// <param name="step">The shift of each entry, above 0.</param>
    public static double Error(Func<Tensor, Tensor> function, Tensor at, double step = 1e-5)
    {
        var point = at.detach().clone().requires_grad_(true);
        function(point).backward();
        var exact = point.grad!.contiguous().data<double>().ToArray();
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
