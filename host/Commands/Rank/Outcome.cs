using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Runs;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Rank;

/// <summary>What became of a student that was trained with a candidate.</summary>
/// <param name="Name">The candidate.</param>
/// <param name="Loss">The mean cross-entropy of its last state on the test set, over the run's seeds.</param>
internal sealed record Outcome(string Name, double Loss)
{
    /// <summary>Reads NAME=RUN of candidates that are ranked.</summary>
    /// <exception cref="KdException">
    /// <c>KDP0801</c>: no name, no such candidate, or one that is named twice; <c>KDP0804</c>: no report with a loss.
    /// </exception>
    internal static IReadOnlyList<Outcome> Read(IReadOnlyList<string> texts, IReadOnlyList<CandidateText> candidates)
    {
        var found = new List<Outcome>();
        foreach (var text in texts)
        {
            var parts = text.Split('=', 2);
            if (parts.Length < 2 || candidates.All(c => c.Name != parts[0]))
                throw new KdException(
                    CommandErrors.Usage,
                    $"'{text}' is no outcome: it needs one of the candidates, '=' and a run's folder."
                );
            if (found.Any(o => o.Name == parts[0]))
                throw new KdException(CommandErrors.Usage, $"Two outcomes are given for '{parts[0]}'.");
            found.Add(new(parts[0], LossOf(parts[1])));
        }
        return found;
    }

    /// <summary>How the deviations go together with the losses: Pearson, Spearman and Kendall.</summary>
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
            Correlation.Kendall(deviations, losses)
        );
    }

    private static double LossOf(string run)
    {
        var report = ReportFile.Read(run);
        var role = report["result"]?.GetValue<string>() ?? Roles.Student;
        var node = report[role] as JsonObject;
        var loss = (node?["test_loss"] ?? node?["validation_loss"])?["last"];
        if (loss is not null)
            return loss.GetValue<double>();
        var error = new KdException(
            CommandErrors.FileUnreadable,
            $"The report of '{run}' has no test loss of '{role}'."
        );
        ExitCodes.Mark(error, ExitCodes.Damaged);
        throw error;
    }
}
