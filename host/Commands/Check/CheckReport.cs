using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Commands.Run;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Check;

/// <summary>What a trial of a recipe found, as text and as JSON.</summary>
internal static class CheckReport
{
    internal static string Text(Recipe recipe, PreflightReport report, long free)
    {
        var text = new StringBuilder();
        text.AppendLine(
            $"{recipe.Name}: fits. Device {report.Device}, {recipe.Precision}, seeds {string.Join(", ", recipe.Seeds)}."
        );
        foreach (var warning in report.Warnings)
            text.AppendLine().AppendLine($"warning: {warning}");
        text.AppendLine().AppendLine(Sources(report)).AppendLine();
        foreach (var role in report.Roles)
        {
            text.AppendLine($"{role.Role}: {role.Parameters:N0} parameters{Frozen(role)}, {Bytes(role.Bytes)}");
            foreach (var value in role.Values)
                text.AppendLine($"  {value.Name, -20} {Shape(value)}");
        }
        text.AppendLine();
        if (report.Teacher is { } teacher)
            text.AppendLine(
                $"teacher on {teacher.Samples} samples of {teacher.Source}{Untrained(recipe, report)}: {RunText.Metrics(teacher)}"
            );
        if (report.Layers is { } layers)
            text.AppendLine(Layers(layers));
        text.AppendLine().AppendLine(Stages(report)).AppendLine();
        text.AppendLine($"time    about {RunText.Duration(TimeSpan.FromSeconds(report.Seconds))}");
        text.AppendLine(
            $"memory  about {Bytes(report.MemoryBytes)} ({Bytes(report.PeakMemoryBytes)} at the peak of these steps), {Bytes(report.MemoryLimitBytes)} allowed"
        );
        foreach (var answers in report.Answers)
            text.AppendLine($"answers {Answers(answers)}");
        text.AppendLine(
            $"disk    about {Bytes(report.DiskBytes)} ({Bytes(report.CheckpointBytes)} per checkpoint), {Bytes(free)} free"
        );
        return text.ToString();
    }

    internal static JsonObject Json(Recipe recipe, PreflightReport report, long free) =>
        new()
        {
            ["event"] = "check",
            ["name"] = recipe.Name,
            ["device"] = report.Device,
            ["precision"] = recipe.Precision,
            ["sources"] = new JsonArray([.. report.Sources.Select(Json)]),
            ["roles"] = new JsonArray([.. report.Roles.Select(Json)]),
            ["teacher"] = report.Teacher is { } teacher
                ? new JsonObject
                {
                    ["source"] = teacher.Source,
                    ["samples"] = teacher.Samples,
                    ["trained"] = Untrained(recipe, report).Length == 0,
                    ["values"] = JsonDisplay.Values(teacher.Values),
                }
                : null,
            ["layers"] = report.Layers?.ToJson(),
            ["stages"] = new JsonArray([.. report.Stages.Select(Json)]),
            ["answers"] = new JsonArray([.. report.Answers.Select(Json)]),
            ["seconds"] = Math.Round(report.Seconds, 1),
            ["peakMemoryBytes"] = report.PeakMemoryBytes,
            ["memoryBytes"] = report.MemoryBytes,
            ["memoryLimitBytes"] = report.MemoryLimitBytes,
            ["checkpointBytes"] = report.CheckpointBytes,
            ["diskBytes"] = report.DiskBytes,
            ["freeBytes"] = free,
            ["warnings"] = new JsonArray([.. report.Warnings.Select(w => JsonValue.Create(w))]),
        };

    internal static string Bytes(long count) =>
        count >= 1L << 30
            ? string.Create(CultureInfo.InvariantCulture, $"{count / 1073741824.0:0.0} GiB")
            : string.Create(CultureInfo.InvariantCulture, $"{count / 1048576.0:0.0} MiB");

    private static string Answers(PreflightAnswers answers)
    {
        var there = answers.Present is { } share
            ? string.Create(CultureInfo.InvariantCulture, $"{100 * share:0} % there")
            : "of a network that is trained first";
        var pass = string.Create(CultureInfo.InvariantCulture, $"{1000 * answers.PassSeconds:0.0}");
        return $"about {Bytes(answers.Bytes)} of '{answers.Role}' to {answers.Samples:N0} samples of '{answers.Source}' in "
            + $"{answers.Views:N0} views, {there}, in {answers.Folder}; a step that finds them saves {pass} ms";
    }

    private static string Frozen(PreflightRole role) => role.Frozen > 0 ? $" ({role.Frozen:N0} frozen)" : "";

    private static string Shape(PreflightValue value) => TensorText.Shape([.. value.Shape]);

    private static string Untrained(Recipe recipe, PreflightReport report) =>
        recipe.Model(Roles.Teacher) is { HasWeights: false }
        && report.Roles.Any(r => r.Role == Roles.Teacher && r.Parameters > 0)
            ? " (no weights given, so it is still untrained)"
            : "";

    private static string Layers(LayerReport layers)
    {
        var unseen = layers.Unseen.Count == 0 ? "" : $"\nnot seen to compute: {string.Join(", ", layers.Unseen)}";
        return $"{layers}{unseen}";
    }

    private static string Sources(PreflightReport report)
    {
        var table = new TextTable("source", "samples", "batches per epoch");
        foreach (var source in report.Sources)
            table.Add(source.Name, $"{source.Samples:N0}", $"{source.BatchesPerEpoch:N0}");
        return table.ToString();
    }

    private static string Stages(PreflightReport report)
    {
        var table = new TextTable("stage", "steps", "samples per step", "trains", "ms per step", "evaluation", "time");
        foreach (var stage in report.Stages)
            table.Add(
                stage.Name,
                $"{stage.Steps:N0}",
                $"{stage.SamplesPerStep:N0}",
                string.Join(", ", stage.Trained.Select(t => $"{t.Key} ({t.Value:N0})")),
                string.Create(CultureInfo.InvariantCulture, $"{1000 * stage.StepSeconds:0.0}"),
                RunText.Duration(TimeSpan.FromSeconds(stage.EvaluationSeconds)),
                RunText.Duration(TimeSpan.FromSeconds(stage.Seconds))
            );
        return table.ToString();
    }

    private static JsonNode Json(PreflightSource source) =>
        new JsonObject
        {
            ["name"] = source.Name,
            ["samples"] = source.Samples,
            ["batchesPerEpoch"] = source.BatchesPerEpoch,
        };

    private static JsonNode Json(PreflightRole role) =>
        new JsonObject
        {
            ["role"] = role.Role,
            ["parameters"] = role.Parameters,
            ["frozen"] = role.Frozen,
            ["bytes"] = role.Bytes,
            ["values"] = new JsonArray([
                .. role.Values.Select(v => new JsonObject
                {
                    ["name"] = v.Name,
                    ["shape"] = new JsonArray([.. v.Shape.Select(d => JsonValue.Create(d))]),
                }),
            ]),
        };

    private static JsonNode Json(PreflightAnswers answers) =>
        new JsonObject
        {
            ["role"] = answers.Role,
            ["source"] = answers.Source,
            ["samples"] = answers.Samples,
            ["views"] = answers.Views,
            ["folder"] = answers.Folder,
            ["bytes"] = answers.Bytes,
            ["present"] = answers.Present is { } share ? Math.Round(share, 3) : null,
            ["passSeconds"] = Math.Round(answers.PassSeconds, 6),
        };

    private static JsonNode Json(PreflightStage stage) =>
        new JsonObject
        {
            ["name"] = stage.Name,
            ["steps"] = stage.Steps,
            ["samplesPerStep"] = stage.SamplesPerStep,
            ["trained"] = new JsonObject(
                stage.Trained.Select(t => KeyValuePair.Create<string, JsonNode?>(t.Key, t.Value))
            ),
            ["stepSeconds"] = Math.Round(stage.StepSeconds, 6),
            ["evaluationSeconds"] = Math.Round(stage.EvaluationSeconds, 3),
            ["seconds"] = Math.Round(stage.Seconds, 1),
        };
}
