using KdPlugins.Core;
using KdPlugins.Torch;
using MathNet.Numerics.Distributions;

namespace KdPlugins.GoodDaKd;

/// <summary>
/// How much the mean answer of a network differs from one group of samples to the next: per class the unbiased standard
/// deviation over the groups, then the mean over the classes ("T. stddev"). Its confidence intervals come from leaving out one
/// group at a time (Tukey's jackknife) on the logarithm of the value. Groups are each the mean over their samples of the
/// classes' probabilities, all of one length.
/// </summary>
internal static class GroupDeviation
{
    /// <summary>The fewest groups that an interval is made of.</summary>
    internal const int FewestGroups = 10;

    /// <summary>Mean over classes of the standard deviation over groups; NaN for a single group.</summary>
    /// <exception cref="KdException"><c>KDP0303</c>: groups of different lengths; <c>KDP0004</c>: none.</exception>
    internal static double Value(IReadOnlyList<double[]> groups)
    {
        Check(groups);
        return groups.Count == 1
            ? double.NaN
            : Enumerable
                .Range(0, groups[0].Length)
                .Average(c => Math.Sqrt(Squares(groups, c).Sum() / (groups.Count - 1.0)));
    }

    /// <summary>
    /// The interval in which the value of infinitely many groups lies with the given confidence, a share in (0, 1). Both ends
    /// are 0 where the groups do not differ.
    /// </summary>
    /// <exception cref="KdException"><c>KDP0004</c>: fewer than <see cref="FewestGroups"/>, or no such share.</exception>
    internal static (double Low, double High) Interval(IReadOnlyList<double[]> groups, double confidence)
    {
        Check(groups);
        RequireEnough(groups, confidence);
        if (Value(groups) == 0)
            return (0, 0);
        var (_, low, high) = Around(PseudoValues(groups), confidence);
        return (low, high);
    }

    /// <summary>
    /// The ratio of two values, and its interval, where the n-th groups of both come from the same samples: what both share
    /// cancels, so that small differences show. NaN where one of the values is 0.
    /// </summary>
    /// <exception cref="KdException"><c>KDP0303</c>: the numbers of groups differ.</exception>
    internal static (double Ratio, double Low, double High) Ratio(
        IReadOnlyList<double[]> groups,
        IReadOnlyList<double[]> reference,
        double confidence
    )
    {
        Check(groups);
        Check(reference);
        RequireEnough(groups, confidence);
        if (groups.Count != reference.Count)
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"A ratio of deviations needs pairs of groups, got {groups.Count} and {reference.Count} groups."
            );
        return Value(groups) == 0 || Value(reference) == 0
            ? (double.NaN, double.NaN, double.NaN)
            : Around([.. PseudoValues(groups).Zip(PseudoValues(reference), (a, b) => a - b)], confidence);
    }

    private static void Check(IReadOnlyList<double[]> groups)
    {
        if (groups.Count == 0)
            throw new KdException(TorchErrors.BadArgument, "A deviation over groups needs groups, got none.");
        for (var i = 1; i < groups.Count; i++)
            if (groups[i].Length != groups[0].Length)
                throw new KdException(
                    CoreErrors.ShapesDiffer,
                    $"Group {i} has {groups[i].Length} classes, group 0 has {groups[0].Length}."
                );
    }

    private static void RequireEnough(IReadOnlyList<double[]> groups, double confidence)
    {
        if (groups.Count < FewestGroups)
            throw new KdException(
                TorchErrors.BadArgument,
                $"An interval needs at least {FewestGroups} groups, got {groups.Count}."
            );
        if (!(confidence is > 0 and < 1))
            throw new KdException(TorchErrors.BadArgument, $"A confidence is a share in (0, 1), got {confidence}.");
    }

    // A class's (x_g - mean)^2 by group; counted from the first group, so that equal groups deviate by nothing at all.
    private static double[] Squares(IReadOnlyList<double[]> groups, int c)
    {
        var from = groups[0][c];
        var mean = groups.Sum(g => g[c] - from) / groups.Count;
        return [.. groups.Select(g => g[c] - from - mean).Select(away => away * away)];
    }

    // The value without each of the groups: of a class's sum of squares S, group i's part is (x_i - mean)^2 G / (G - 1).
    private static double[] Without(IReadOnlyList<double[]> groups)
    {
        var (count, classes) = ((double)groups.Count, groups[0].Length);
        var values = new double[groups.Count];
        for (var c = 0; c < classes; c++)
        {
            var parts = Squares(groups, c);
            var all = parts.Sum();
            for (var i = 0; i < parts.Length; i++)
                values[i] += Math.Sqrt(Math.Max(0, all - parts[i] * count / (count - 1)) / (count - 2)) / classes;
        }
        return values;
    }

    // Tukey 1958: G log(value) - (G - 1) log(value without group i).
    private static double[] PseudoValues(IReadOnlyList<double[]> groups)
    {
        var (count, whole) = ((double)groups.Count, Math.Log(Value(groups)));
        return [.. Without(groups).Select(value => count * whole - (count - 1) * Math.Log(value))];
    }

    private static (double, double, double) Around(double[] values, double confidence)
    {
        var (count, mean) = ((double)values.Length, values.Average());
        var variance = values.Sum(v => (v - mean) * (v - mean)) / (count - 1);
        var reach = StudentT.InvCDF(0, 1, count - 1, 0.5 + confidence / 2) * Math.Sqrt(variance / count);
        return (Math.Exp(mean), Math.Exp(mean - reach), Math.Exp(mean + reach));
    }
}
