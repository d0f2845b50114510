using KdPlugins.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Icda;

/// <summary>
/// The terms of ICD as pure functions. <c>L [B, B]</c> are scaled similarities: row i is student i, column j teacher j;
/// a constant added to all of them changes nothing.
/// </summary>
public static class IcdMath
{
    /// <summary>k g_s g_t^T + b with rows of length one: what both terms are computed from.</summary>
    /// <param name="student">Projected features <c>[B, d]</c> of the student.</param>
    /// <param name="teacher">Projected features <c>[B, d]</c> of the teacher, row by row the same samples.</param>
    /// <param name="rawScale">tau_raw, a scalar: the logarithm of the scale.</param>
    /// <param name="bias">b, a scalar.</param>
    /// <param name="maxScale">The largest scale; above it tau_raw gets no gradient.</param>
    /// <returns><c>[B, B]</c>.</returns>
    [Formula("similarities", Description = "scaled cosines k g_s g_t^T + b")]
    public static Tensor Similarities(Tensor student, Tensor teacher, Tensor rawScale, Tensor bias, double maxScale) =>
        // L = k g_s g_t^T + b,  k = clamp(exp(tau_raw), 0, max)
        Unit(student).mm(Unit(teacher).t()).mul(rawScale.exp().clamp(0, maxScale)).add(bias);

    /// <summary>mean_i -log softmax_j(L)[i, i]: every student row has to find its own teacher among the batch.</summary>
    /// <param name="similarities"><c>[B, B]</c>.</param>
    /// <returns>A scalar, at least 0.</returns>
    [Formula("contrast", Description = "mean of -log softmax at the diagonal")]
    public static Tensor Contrast(Tensor similarities) =>
        nn.functional.log_softmax(similarities, 1).diagonal().mean().neg();

    /// <summary>
    /// KL(P2 || P1), the mean over samples. P1[i, j] is the probability of teacher j given student i, P2[i, j] that of
    /// student j given teacher i; both have gradient.
    /// </summary>
    /// <param name="similarities"><c>[B, B]</c>.</param>
    /// <returns>A scalar, at least 0 up to rounding.</returns>
    [Formula("invariance", Description = "KL(P2 || P1), the mean over samples")]
    public static Tensor Invariance(Tensor similarities)
    {
        var logP1 = nn.functional.log_softmax(similarities, 1);
        // P2 = softmax(L, dim = 0)^T
        var logP2 = nn.functional.log_softmax(similarities, 0).t();
        // (1/B) sum_ij P2 (log P2 - log P1)
        return logP2.exp().mul(logP2.sub(logP1)).sum(1).mean();
    }

    // A row of zeros stays one: its norm counts as 1e-12.
    private static Tensor Unit(Tensor rows) => nn.functional.normalize(rows, p: 2, dim: 1, eps: 1e-12f);
}
