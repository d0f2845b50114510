using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using KdPlugins.Core;

namespace KdPlugins.GoodDaKd;

/// <summary>A ranking, for people and for programs.</summary>
internal static class RankReport
{
    /// <summary>A line for every candidate that is measured.</summary>
    internal static ToolOutput Measured(string name, double value, double seconds) =>
        new(
            "candidate",
            new()
            {
                ["name"] = name,
                ["deviation"] = ToolOutput.Number(value),
                ["seconds"] = Math.Round(seconds, 3),
            },
            $"{name}: {Thousandths(value)} in {Duration(TimeSpan.FromSeconds(seconds))}"
        );

    internal static ToolOutput Of(Ranking ranking, IReadOnlyList<Outcome> outcomes) =>
        new("ranking", Json(ranking, outcomes), Text(ranking, outcomes)) { Table = Table(ranking, outcomes) };

    private static ToolTable Table(Ranking ranking, IReadOnlyList<Outcome> outcomes)
    {
        string[] header = ["rank", "augmentation", "deviation e-3", "95 % interval", "over the one before", "entropy"];
        var rows = ranking.Candidates.Select(
            (row, i) =>
            {
                string[] cells =
                [
                    $"{i + 1}",
                    row.Name,
                    Thousandths(row.Deviation),
                    $"{Thousandths(row.Interval.Low)} to {Thousandths(row.Interval.High)}",
                    Over(row, i),
                    Number(row.Entropy, "0.0000"),
                ];
                var loss = outcomes.FirstOrDefault(o => o.Name == row.Name);
                return outcomes.Count > 0 ? [.. cells, loss is null ? "" : Number(loss.Loss, "0.0000")] : cells;
            }
        );
        return new(outcomes.Count > 0 ? [.. header, "test loss"] : header, [.. rows]);
    }

    private static string Text(Ranking ranking, IReadOnlyList<Outcome> outcomes)
    {
        var text = new StringBuilder();
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

    private static JsonObject Json(Ranking ranking, IReadOnlyList<Outcome> outcomes)
    {
        var json = new JsonObject
        {
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
                ["pearson"] = ToolOutput.Number(pearson),
                ["spearman"] = ToolOutput.Number(spearman),
                ["kendall"] = ToolOutput.Number(kendall),
            };
        }
        return json;
    }

    private static JsonNode Json(RankedAugmentation row, Outcome? outcome) =>
        new JsonObject
        {
            ["name"] = row.Name,
            ["deviation"] = ToolOutput.Number(row.Deviation),
            ["lower"] = ToolOutput.Number(row.Interval.Low),
            ["upper"] = ToolOutput.Number(row.Interval.High),
            ["ratio"] = ToolOutput.Number(row.Ratio.Value),
            ["ratioLower"] = ToolOutput.Number(row.Ratio.Low),
            ["ratioUpper"] = ToolOutput.Number(row.Ratio.High),
            ["entropy"] = ToolOutput.Number(row.Entropy),
            ["seconds"] = Math.Round(row.Seconds, 3),
            ["testLoss"] = outcome is null ? null : ToolOutput.Number(outcome.Loss),
        };

    private static string Over(RankedAugmentation row, int place) =>
        place == 0 ? ""
        : double.IsNaN(row.Ratio.Value) ? "="
        : $"{(row.Ratio.Low > 1 ? "" : "= ")}{Number(row.Ratio.Value, "0.000")} ({Number(row.Ratio.Low, "0.000")} to {Number(row.Ratio.High, "0.000")})";

    private static string Duration(TimeSpan time) =>
        time.ToString(time.TotalHours >= 1 ? @"h\:mm\:ss" : @"m\:ss", CultureInfo.InvariantCulture);

    private static string Thousandths(double value) => Number(1000 * value, "0.000");

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
