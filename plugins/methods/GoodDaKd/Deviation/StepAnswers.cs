using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.GoodDaKd;

/// <summary>What a teacher answered in one step, added up over its rows at temperature 1, in double precision.</summary>
/// <param name="P">The sum of the probabilities, by class.</param>
/// <param name="Entropy">The sum of the entropies, in nats.</param>
/// <param name="Rows">The number of rows.</param>
internal sealed record StepAnswers(double[] P, double Entropy, long Rows)
{
    /// <summary>Of logits [rows, classes], those of all streams together.</summary>
    /// <exception cref="KdException"><c>KDP0303</c>: they have another shape.</exception>
    internal static StepAnswers Of(params IReadOnlyList<Tensor> logits)
    {
        if (logits.FirstOrDefault(l => l.dim() != 2) is { } other)
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"A deviation needs logits [batch, classes], the teacher gave {TensorText.Describe(other)}."
            );
        using var scope = NewDisposeScope();
        var log = KdMath.LogProbabilities(cat([.. logits], 0).to(ScalarType.Float64), 1);
        var p = log.exp();
        return new(p.sum(dim: 0).cpu().data<double>().ToArray(), -p.mul(log).sum().item<double>(), log.shape[0]);
    }

    /// <summary>p_g of every group of so many steps in a row: the mean over all its rows. Steps that fill no group do not count.</summary>
    internal static double[][] Groups(IReadOnlyList<StepAnswers> steps, int stepsPerGroup) =>
        [.. steps.Chunk(stepsPerGroup).Where(group => group.Length == stepsPerGroup).Select(Mean)];

    /// <summary>The mean entropy of all rows.</summary>
    internal static double MeanEntropy(IReadOnlyList<StepAnswers> steps) =>
        steps.Sum(s => s.Entropy) / steps.Sum(s => s.Rows);

    private static double[] Mean(StepAnswers[] group)
    {
        var rows = (double)group.Sum(s => s.Rows);
        return [.. group[0].P.Select((_, c) => group.Sum(s => s.P[c]) / rows)];
    }
}
