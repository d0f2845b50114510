using KdPlugins.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.AugKd;

/// <summary>The terms of the generator's loss, scalars with graph.</summary>
/// <param name="Divergence">KL(p_T || p_S) / B, which the generator wants large.</param>
/// <param name="CrossEntropy">Of the teacher's answer with its own largest class: certain images.</param>
/// <param name="Diversity">sum_c pbar_c log10 pbar_c of the batch's mean answer, 0 to -log10 C.</param>
/// <param name="Norms">2-norm of the means' differences plus that of the variances'; 0 where it is not asked for.</param>
public readonly record struct GeneratorTerms(Tensor Divergence, Tensor CrossEntropy, Tensor Diversity, Tensor Norms)
{
    /// <summary>L_G.</summary>
    /// <param name="diversity">The weight of the diversity term.</param>
    /// <param name="norms">The weight of the batch norms' term.</param>
    public Tensor Total(double diversity, double norms) =>
        CrossEntropy - Divergence + Diversity * diversity + Norms * norms;
}

/// <summary>The terms of the anchor loss, scalars with graph.</summary>
/// <param name="Uncertainty">The sum over the batch.</param>
/// <param name="Mask">The masks' distance from what they are held to, summed.</param>
/// <param name="CrossEntropy">The sum over the batch.</param>
public readonly record struct AnchorTerms(Tensor Uncertainty, Tensor Mask, Tensor CrossEntropy)
{
    /// <summary>L_A, the sum over the batch: U + mask + 0.1 CE.</summary>
    public Tensor Total => Uncertainty + Mask + CrossEntropy * 0.1;
}

/// <summary>The losses of AuG-KD, pure functions of tensors. Half precision is widened to float32 first.</summary>
public static class AugKdLosses
{
    /// <summary>What target probabilities are clipped at, from below; they are not normalised again.</summary>
    public const double LeastTarget = 1e-8;

    /// <summary>The weight of the Kullback-Leibler term in the encoder's loss.</summary>
    public const double PriorWeight = 0.00025;

    /// <summary>t^2 sum_c p_c log(p_c / q_c) per sample, with p clipped at <see cref="LeastTarget"/>; float <c>[batch]</c>.</summary>
    /// <param name="student">Logits <c>[batch, classes]</c> of q.</param>
    /// <param name="target">Logits of p, of the same shape; a graph is kept.</param>
    /// <param name="temperature">Above 0.</param>
    [Formula("divergences", Description = "t^2 KL(p || q) per sample, p clipped at 1e-8")]
    public static Tensor Divergences(Tensor student, Tensor target, double temperature)
    {
        var logQ = KdMath.LogProbabilities(student, temperature);
        var p = KdMath.LogProbabilities(target, temperature).exp().clamp_min(LeastTarget);
        return (p * (p.log() - logQ)).sum(1) * (temperature * temperature);
    }

    /// <summary>The generator's loss (module 1).</summary>
    /// <param name="teacher">The teacher's logits on generated images <c>[batch, classes]</c>, with graph.</param>
    /// <param name="student">The student's logits on the same images.</param>
    /// <param name="meanDifference">Batch minus running means of all batch norms; null for no such term.</param>
    /// <param name="varianceDifference">The same of variances.</param>
    [Formula("generator-loss", Description = "the terms of the generator's loss (module 1)")]
    public static GeneratorTerms Generator(
        Tensor teacher,
        Tensor student,
        Tensor? meanDifference,
        Tensor? varianceDifference
    )
    {
        var logP = KdMath.LogProbabilities(teacher, 1);
        var mean = logP.exp().mean([0]);
        // Where a class underflows the term is 0, not 0 times minus infinity.
        var diversity = (mean * mean.clamp_min(1e-37).log10()).sum();
        var certain = nn.functional.nll_loss(logP, teacher.argmax(1));
        var norms = meanDifference is null
            ? zeros([], dtype: logP.dtype, device: logP.device)
            : linalg.vector_norm(meanDifference) + linalg.vector_norm(varianceDifference!);
        return new(Divergences(student, teacher, 1).mean(), certain, diversity, norms);
    }

    /// <summary>L_E = (sum |z^ - z|^2 + 0.00025 KLD) / B: the encoder inverts the generator (module 1).</summary>
    /// <param name="drawn">Latent vectors drawn from the encoder <c>[batch, latent]</c>.</param>
    /// <param name="z">The vectors that the images were made of.</param>
    /// <param name="mu">The encoder's means.</param>
    /// <param name="logVariance">The encoder's log-variances.</param>
    [Formula("inversion-loss", Description = "the encoder's loss (module 1)")]
    public static Tensor Inversion(Tensor drawn, Tensor z, Tensor mu, Tensor logVariance)
    {
        var squares = (Wide(drawn) - z).square().sum();
        return (squares + Prior(mu, logVariance) * PriorWeight) / z.shape[0];
    }

    /// <summary>KLD = -0.5 sum(1 + logvar - mu^2 - exp logvar), over batch and entries.</summary>
    /// <param name="mu">Means <c>[batch, latent]</c>.</param>
    /// <param name="logVariance">Log-variances of the same shape.</param>
    [Formula("prior", Description = "the Kullback-Leibler term of the encoder's loss")]
    public static Tensor Prior(Tensor mu, Tensor logVariance)
    {
        var (m, v) = (Wide(mu), Wide(logVariance));
        return (1 + v - m.square() - v.exp()).sum() * -0.5;
    }

    /// <summary>U of each sample, float <c>[batch]</c>: the energy -logsumexp(z), or 1 - max softmax.</summary>
    /// <param name="logits"><c>[batch, classes]</c></param>
    /// <param name="kind">Which of the two.</param>
    [Formula("uncertainties", Description = "energy, or 1 - the largest probability, per sample")]
    public static Tensor Uncertainties(Tensor logits, Uncertainty kind) =>
        kind == Uncertainty.Energy ? -Wide(logits).logsumexp(1) : 1 - Wide(logits).softmax(1).amax([1]);

    /// <summary>The anchor loss (module 2): U + |mask - d (1 - lambda_inv)| + 0.1 CE, summed over the batch.</summary>
    /// <param name="logits">The teacher's logits on the anchors' images <c>[batch, classes]</c>.</param>
    /// <param name="labels">int64 <c>[batch]</c></param>
    /// <param name="mask"><c>[batch, latent]</c></param>
    /// <param name="invariant">lambda_inv, in [0, 1].</param>
    /// <param name="uncertainty">Which U.</param>
    /// <param name="penalty">What the masks are held to.</param>
    [Formula("anchor-loss", Description = "the terms of the anchor loss (module 2)")]
    public static AnchorTerms Anchor(
        Tensor logits,
        Tensor labels,
        Tensor mask,
        double invariant,
        Uncertainty uncertainty,
        MaskPenalty penalty
    )
    {
        var wide = Wide(logits);
        var free = mask.shape[1] * (1 - invariant);
        var sums = penalty == MaskPenalty.BatchSum ? Wide(mask).sum() : Wide(mask).sum(1);
        return new(
            Uncertainties(wide, uncertainty).sum(),
            (sums - free).abs().sum(),
            nn.functional.cross_entropy(wide, labels, reduction: nn.Reduction.Sum)
        );
    }

    internal static Tensor Wide(Tensor t) =>
        t.dtype is ScalarType.BFloat16 or ScalarType.Float16 ? t.to(ScalarType.Float32) : t;
}
