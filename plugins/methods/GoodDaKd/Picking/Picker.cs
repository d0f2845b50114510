using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.GoodDaKd;

/// <summary>Picks the samples of a pool that are worth most, by what the networks answer to them.</summary>
internal static class Picker
{
    /// <summary>The roles that a criterion asks.</summary>
    public static IReadOnlyCollection<string> Consults(PickOptions options) =>
        options.Criterion switch
        {
            "student-entropy" => [options.Student],
            "divergence" => [options.Teacher, options.Student],
            _ => [options.Teacher],
        };

    /// <summary>The rows of the pool to keep, int64, by ascending worth.</summary>
    /// <param name="options">What counts, and how many to keep.</param>
    /// <param name="pool">The candidates.</param>
    /// <param name="originals">What the pool was made of.</param>
    /// <param name="context">Who can be asked.</param>
    public static Tensor Rows(PickOptions options, Batch pool, Batch originals, IPartContext context)
    {
        using var _ = no_grad();
        Tensor Ask(string role, Batch batch) => context.Consult(role, batch, []).Logits;
        var scores = options.Criterion switch
        {
            "student-entropy" => PickScores.Entropy(Ask(options.Student, pool)),
            "divergence" => PickScores.Divergence(
                Ask(options.Teacher, pool),
                Ask(options.Student, pool),
                options.Temperature
            ),
            "dissimilarity" => PickScores.Dissimilarity(Ask(options.Teacher, pool), Ask(options.Teacher, originals)),
            _ => PickScores.Entropy(Ask(options.Teacher, pool)),
        };
        return PickScores.Keep(scores, options.Keep > 0 ? options.Keep : originals.Count);
    }
}
