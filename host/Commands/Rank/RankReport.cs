using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Texts;

namespace KdPlugins.Host.Commands.Rank;

/// <summary>A ranking, as text and as JSON.</summary>
internal static class RankReport
{
    /// <summary>A line for every candidate that is measured.</summary>
    internal static void Measured(Screen screen, string name, double value, double seconds) =>
        screen.Tell(
            () =>
                new()
                {
                    ["event"] = "candidate",
                    ["name"] = name,
                    ["deviation"] = Screen.Number(value),
                    ["seconds"] = Math.Round(seconds, 3),
                },
            () => $"{name}: {Thousandths(value)} in {RunText.Duration(TimeSpan.FromSeconds(seconds))}"
        );

    internal static string Text(Ranking ranking, IReadOnlyList<Outcome> outcomes)
    {
        string[] header = ["rank", "augmentation", "deviation e-3", "95 % interval", "over the one before", "entropy"];
        var table = new TextTable(outcomes.Count > 0 ? [.. header, "test loss"] : header);
        foreach (var (row, i) in ranking.Candidates.Select((row, i) => (row, i)))
        {
            string[] cells =
            [
                $"{i + 1}",
                row.Name,
                Thousandths(row.Deviation),
                $"{Thousandths(row.Lower)} to {Thousandths(row.Upper)}",
                Over(row, i),
                Number(row.Entropy, "0.0000"),
            ];
            var loss = outcomes.FirstOrDefault(o => o.Name == row.Name);
            table.Add(outcomes.Count > 0 ? [.. cells, loss is null ? "" : Number(loss.Loss, "0.0000")] : cells);
        }
        var text = new StringBuilder($"\n{table}\n\n");
        text.Append($"Lower is better. {ranking.Groups} groups of {ranking.GroupRows} answers, ");
        text.AppendLine($"{ranking.Samples:N0} samples per candidate; '=' could not be told from the one before.");
        if (ranking.GroupShare > 0.1)
            text.AppendLine(
                $"A group is {Number(100 * ranking.GroupShare, "0")} % of the training samples, which hides differences: "
                    + "take a larger part of the data set."
            );
        if (outcomes.Count > 1)
        {
            var (pearson, spearman, kendall) = Outcome.Correlate(ranking, outcomes);
            text.Append(
                $"Deviation and test loss of {outcomes.Count} candidates: Pearson {Number(pearson, "0.000")}, "
            );
            text.AppendLine($"Spearman {Number(spearman, "0.000")}, Kendall {Number(kendall, "0.000")}.");
        }
        return text.ToString();
    }

    internal static JsonObject Json(Ranking ranking, IReadOnlyList<Outcome> outcomes)
    {
        var json = new JsonObject
        {
            ["event"] = "ranking",
            ["groups"] = ranking.Groups,
            ["groupRows"] = ranking.GroupRows,
            ["samples"] = ranking.Samples,
            ["groupShare"] = Math.Round(ranking.GroupShare, 4),
            ["candidates"] = new JsonArray([
                .. ranking.Candidates.Select(c => Json(c, outcomes.FirstOrDefault(o => o.Name == c.Name))),
            ]),
        };
        if (outcomes.Count > 1)
        {
            var (pearson, spearman, kendall) = Outcome.Correlate(ranking, outcomes);
            json["correlation"] = new JsonObject
            {
                ["pearson"] = Screen.Number(pearson),
                ["spearman"] = Screen.Number(spearman),
                ["kendall"] = Screen.Number(kendall),
            };
        }
        return json;
    }

    private static JsonNode Json(RankedAugmentation row, Outcome? outcome) =>
        new JsonObject
        {
            ["name"] = row.Name,
            ["deviation"] = Screen.Number(row.Deviation),
            ["lower"] = Screen.Number(row.Lower),
            ["upper"] = Screen.Number(row.Upper),
            ["ratio"] = Screen.Number(row.Ratio),
            ["ratioLower"] = Screen.Number(row.RatioLower),
            ["ratioUpper"] = Screen.Number(row.RatioUpper),
            ["entropy"] = Screen.Number(row.Entropy),
            ["seconds"] = Math.Round(row.Seconds, 3),
            ["testLoss"] = outcome is null ? null : Screen.Number(outcome.Loss),
        };

    private static string Over(RankedAugmentation row, int place) =>
        place == 0 ? ""
        : double.IsNaN(row.Ratio) ? "="
        : $"{(row.RatioLower > 1 ? "" : "= ")}{Number(row.Ratio, "0.000")} ({Number(row.RatioLower, "0.000")} to {Number(row.RatioUpper, "0.000")})";

    private static string Thousandths(double value) => Number(1000 * value, "0.000");

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
