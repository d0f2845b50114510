using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.SelfSupervised;

/// <summary>The objective of SimCLR (Chen and others 2020): a pure function of two projections.</summary>
public static class NtXent
{
    /// <summary>
    /// Equation 1, averaged over both directions: each view finds the other view of its sample among the 2n - 1 others.
    /// </summary>
    /// <param name="first">float [n, D], n at least 2.</param>
    /// <param name="second">Of the same shape.</param>
    /// <param name="temperature">tau, above 0.</param>
    /// <returns>A scalar, at least 0, with graph to both.</returns>
    /// <exception cref="KdException"><c>KDP0303</c>: other shapes; <c>KDP0004</c>: the temperature is not above 0.</exception>
    [Formula("nt-xent", Description = "the objective of SimCLR on two projections")]
    public static Tensor Loss(Tensor first, Tensor second, double temperature)
    {
        Pairs.Require(Asker.Of(typeof(NtXentLoss)), first, second);
        if (!(temperature > 0))
            throw new KdException(TorchErrors.BadArgument, $"A temperature has to be above 0, got {temperature}.");
        var n = first.shape[0];
        var all = nn.functional.normalize(cat([first, second], 0), p: 2, dim: 1);
        var similarity = all.mm(all.t()).div(temperature);
        var self = eye(2 * n, dtype: ScalarType.Bool, device: all.device);
        var others = similarity.masked_fill(self, double.NegativeInfinity);
        var partner = arange(2 * n, ScalarType.Int64, all.device).add(n).remainder(2 * n);
        return nn.functional.cross_entropy(others, partner);
    }
}
