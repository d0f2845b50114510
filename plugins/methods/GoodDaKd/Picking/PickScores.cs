using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.GoodDaKd;

/// <summary>
/// How much each candidate of a pool is worth: float64 <c>[N]</c>, higher is better. Logits are float <c>[N, C]</c>.
/// </summary>
public static class PickScores
{
    /// <summary>ent_i = -sum_c p_ic log p_ic, p = softmax(z_i) at temperature 1 (CutMixPick, section 4.2).</summary>
    /// <param name="logits">The network's answers to the pool.</param>
    [Formula("entropy", Description = "entropy of each row's softmax")]
    public static Tensor Entropy(Tensor logits)
    {
        var log = Log(logits, 1);
        return log.exp().mul(log).sum(1).neg();
    }

    /// <summary>KL(p_T || p_S) per row, both at one temperature, without the factor of its square.</summary>
    /// <param name="teacher">The teacher's answers.</param>
    /// <param name="student">The student's, of the same shape.</param>
    /// <param name="temperature">Above 0; 4 in the official code.</param>
    /// <exception cref="KdException"><c>KDP0303</c>: the shapes differ.</exception>
    [Formula("divergence", Description = "KL(p_T || p_S) of each row, without t^2")]
    public static Tensor Divergence(Tensor teacher, Tensor student, double temperature) =>
        KdMath
            .KlDivergences(student.to(ScalarType.Float64), teacher.to(ScalarType.Float64), temperature)
            .div(temperature * temperature);

    /// <summary>min_j sum_c (p_ic - o_jc)^2: the distance to the nearest original, of probabilities at temperature 1.</summary>
    /// <param name="logits">The teacher's answers to the pool.</param>
    /// <param name="originals">The teacher's answers to the batch that the pool was made of, <c>[B, C]</c>.</param>
    [Formula("dissimilarity", Description = "squared distance to the nearest original answer")]
    public static Tensor Dissimilarity(Tensor logits, Tensor originals)
    {
        var (p, o) = (Log(logits, 1).exp(), Log(originals, 1).exp());
        return p.unsqueeze(1).sub(o.unsqueeze(0)).square().sum(2).amin([1]);
    }

    /// <summary>
    /// The numbers of the rows to keep, int64 <c>[min(count, N)]</c>: those of the highest scores, in ascending order of
    /// score; of equal scores the higher number counts as the higher one.
    /// </summary>
    /// <param name="scores">float <c>[N]</c>.</param>
    /// <param name="count">How many to keep, at least 1.</param>
    [Formula("keep", Description = "the rows of the highest scores")]
    public static Tensor Keep(Tensor scores, long count)
    {
        var (_, order) = scores.sort(dim: 0, descending: false, stable: true);
        var all = scores.shape[0];
        return order.narrow(0, all - Math.Min(count, all), Math.Min(count, all));
    }

    private static Tensor Log(Tensor logits, double temperature) =>
        logits.dim() == 2
            ? KdMath.LogProbabilities(logits.to(ScalarType.Float64), temperature)
            : throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Picking needs logits [samples, classes], got {TensorText.Describe(logits)}."
            );
}
