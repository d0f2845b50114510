using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Torch;
using MathNet.Numerics.Statistics;

namespace KdPlugins.GoodDaKd;

/// <summary>What became of a student that was trained with a candidate.</summary>
/// <param name="Name">The candidate.</param>
/// <param name="Loss">The mean cross-entropy of its last state on the test set, over the run's seeds.</param>
internal sealed record Outcome(string Name, double Loss)
{
    /// <summary>Reads NAME=RUN of candidates that are ranked.</summary>
    /// <exception cref="KdException">
    /// <c>KDP0380</c>: no name, no such candidate, or one that is named twice; <c>KDP0381</c>: a report without a loss; and what
    /// reading a report raises.
    /// </exception>
    internal static IReadOnlyList<Outcome> Read(
        IReadOnlyList<string> texts,
        IReadOnlyList<CandidateText> candidates,
        IToolContext context
    )
    {
        var found = new List<Outcome>();
        foreach (var text in texts)
        {
            var parts = text.Split('=', 2);
            if (parts.Length < 2 || candidates.All(c => c.Name != parts[0]))
                throw new KdException(
                    CoreErrors.ToolArguments,
                    $"'{text}' is no outcome: it needs one of the candidates, '=' and a run's folder."
                );
            if (found.Any(o => o.Name == parts[0]))
                throw new KdException(CoreErrors.ToolArguments, $"Two outcomes are given for '{parts[0]}'.");
            found.Add(new(parts[0], LossOf(context.Report(parts[1]), parts[1])));
        }
        return found;
    }

    /// <summary>How the deviations go together with the losses, from -1 to 1; NaN where one of the two does not vary.</summary>
    internal static (double Pearson, double Spearman, double Kendall) Correlate(
        Ranking ranking,
        IReadOnlyList<Outcome> outcomes
    )
    {
        double[] deviations = [.. outcomes.Select(o => ranking.Candidates.First(c => c.Name == o.Name).Deviation)];
        double[] losses = [.. outcomes.Select(o => o.Loss)];
        return (
            Correlation.Pearson(deviations, losses),
            Correlation.Spearman(deviations, losses),
            Kendall(deviations, losses)
        );
    }

    /// <summary>Kendall's tau-b: pairs in order less pairs out of order, corrected for ties.</summary>
    internal static double Kendall(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        var (both, ofX, ofY) = (0.0, 0.0, 0.0);
        for (var i = 0; i < x.Count; i++)
        for (var j = 0; j < i; j++)
        {
            var (a, b) = (Math.Sign(x[i] - x[j]), Math.Sign(y[i] - y[j]));
            (both, ofX, ofY) = (both + a * b, ofX + a * a, ofY + b * b);
        }
        return both / Math.Sqrt(ofX * ofY);
    }

    private static double LossOf(JsonObject report, string run)
    {
        var role = report["result"]?.GetValue<string>() ?? Roles.Student;
        var node = report[role] as JsonObject;
        return (node?["test_loss"] ?? node?["validation_loss"])?["last"]?.GetValue<double>()
            ?? throw new KdException(CoreErrors.ToolInput, $"The report of '{run}' has no test loss of '{role}'.");
    }
}
