using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.SelfSupervised;

/// <summary>The objective of Barlow Twins (Zbontar and others 2021): a pure function of two projections.</summary>
public static class BarlowTwins
{
    private const double Epsilon = 1e-5;

    /// <summary>Equation 1: how far the cross-correlation of two views is from the identity.</summary>
    /// <param name="first">Z1, float [n, D], n at least 2.</param>
    /// <param name="second">Z2, of the same shape.</param>
    /// <param name="redundancy">lambda, at least 0.</param>
    /// <returns>A scalar, at least 0, with graph to both.</returns>
    /// <exception cref="KdException"><c>KDP0303</c>: other shapes.</exception>
    [Formula("barlow-twins", Description = "the objective of Barlow Twins on two projections")]
    public static Tensor Loss(Tensor first, Tensor second, double redundancy)
    {
        Pairs.Require(Asker.Of(typeof(BarlowTwinsLoss)), first, second);
        // Equation 2: C = Z1n^T Z2n / n, the columns standardised over the batch.
        var correlation = Standardise(first).t().mm(Standardise(second)).div(first.shape[0]);
        var invariance = correlation.diagonal().sub(1).square().sum();
        var identity = eye(correlation.shape[0], dtype: ScalarType.Bool, device: correlation.device);
        var reduction = correlation.masked_fill(identity, 0).square().sum();
        return invariance.add(reduction.mul(redundancy));
    }

    // As the reference code's batch norm without scale: biased variance.
    private static Tensor Standardise(Tensor z)
    {
        var centred = z.sub(z.mean([0], keepdim: true));
        return centred.div(centred.square().mean([0], keepdim: true).add(Epsilon).sqrt());
    }
}
