using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Text;

/// <summary>The formulas of <c>token-divergence</c>.</summary>
public static class TokenDivergences
{
    // Of the code of SKD: what it adds to the mixture.
    private const double Tiny = 5e-13;

    /// <summary>The divergence at each place.</summary>
    /// <param name="student">Logits <c>[..., V]</c>.</param>
    /// <param name="teacher">Logits of the same shape; no gradient goes to them.</param>
    /// <param name="kind">Which one.</param>
    /// <param name="beta">The teacher's share of the mixture, of <see cref="Divergence.GeneralisedJsd"/>; in (0, 1).</param>
    /// <param name="temperature">What both are divided by, above 0.</param>
    /// <returns><c>[...]</c>, at least 0 up to rounding.</returns>
    [Formula("token-divergence", Description = "forward, reverse and mixed divergences of distributions over tokens")]
    public static Tensor Of(Tensor student, Tensor teacher, Divergence kind, double beta, double temperature)
    {
        var (logP, logQ) = (LogProbabilities(teacher.detach(), temperature), LogProbabilities(student, temperature));
        var each = kind switch
        {
            Divergence.ForwardKl => Kl(logP, logQ),
            Divergence.ReverseKl => Kl(logQ, logP),
            Divergence.Jsd => Mixed(logP, logQ, 0.5),
            Divergence.GeneralisedJsd => Mixed(logP, logQ, beta),
            _ => MixtureFirst(logP, logQ),
        };
        return each.sum(-1);
    }

    /// <summary>The mean over texts of the mean over the places of each that count; texts without any do not count.</summary>
    /// <param name="each"><c>[B, L]</c>.</param>
    /// <param name="counts">bool <c>[B, L]</c>.</param>
    /// <returns>A scalar; 0 where nothing counts.</returns>
    [Formula("text-mean", Description = "the mean over texts of the mean over their places that count")]
    public static Tensor Mean(Tensor each, Tensor counts)
    {
        var places = counts.sum(1);
        var texts = each.masked_fill(counts.logical_not(), 0).sum(1).div(places.clamp_min(1));
        return texts.sum().div(places.gt(0).sum().clamp_min(1));
    }

    /// <summary>The places that count, one later: the first place never does.</summary>
    /// <param name="counts">bool <c>[B, L]</c>.</param>
    [Formula("shifted-window", Description = "the places that count in the code of SKD")]
    public static Tensor Shifted(Tensor counts) =>
        cat([zeros_like(counts.narrow(1, 0, 1)), counts.narrow(1, 0, counts.shape[1] - 1)], 1);

    private static Tensor LogProbabilities(Tensor logits, double temperature)
    {
        var wide = logits.dtype is ScalarType.BFloat16 or ScalarType.Float16 ? logits.to(ScalarType.Float32) : logits;
        return (temperature == 1 ? wide : wide / temperature).log_softmax(-1);
    }

    private static Tensor Kl(Tensor logA, Tensor logB) => logA.exp() * (logA - logB);

    // Agarwal et al. 2024, equation 1.
    private static Tensor Mixed(Tensor logP, Tensor logQ, double beta)
    {
        var logM = (logP + Math.Log(beta)).logaddexp(logQ + Math.Log(1 - beta));
        return Kl(logP, logM) * beta + Kl(logQ, logM) * (1 - beta);
    }

    private static Tensor MixtureFirst(Tensor logP, Tensor logQ)
    {
        var m = (logP.exp() + logQ.exp()) / 2 + Tiny;
        return m * (m.log() - (logP + logQ) / 2);
    }
}
