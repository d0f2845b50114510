using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Augmentations;
using KdPlugins.Datasets;
using KdPlugins.Losses;
using KdPlugins.Models;
using KdPlugins.Strategies;
using KdPlugins.Testing;

namespace KdPlugins.GoodDaKd.Tests;

/// <summary>Recipes that take no time, and the plugins that they name.</summary>
internal static class Recipes
{
    internal static TestCatalog Catalog { get; } =
        TestCatalog.Of(
            typeof(CutMixPickAugmentation).Assembly,
            typeof(CutoutAugmentation).Assembly,
            typeof(ShapesPlugin).Assembly,
            typeof(KdLoss).Assembly,
            typeof(Meters.ClassificationMeter).Assembly,
            typeof(CifarResNetPlugin).Assembly,
            typeof(OfflineStrategy).Assembly,
            typeof(TableModel).Assembly
        );

    /// <summary>Small scenes, networks of eight layers; the teacher is not trained.</summary>
    internal static string Shapes(string strategy, string shared = "", string student = "", string extra = "") =>
        $$"""
            {
              "name": "small", "seed": 4, "device": "cpu",
              "dataset": { "id": "shapes", "options": { "train": 90, "test": 16, "classes": 3, "size": 8 } },
              "models": {
                "teacher": { "id": "cifar-resnet", "options": { "depth": 8 } },
                "student": { "id": "cifar-resnet", "options": { "depth": 8 } }
              },
              "augmentations": {
                "shared": [ { "id": "horizontal-flip" }, { "id": "normalise" }{{shared}} ],
                "student": [ {{student}} ]
              },
              "losses": [ { "id": "cross-entropy", "weight": 0.1 }, { "id": "kd", "weight": 0.9 } ],
              "strategy": {{strategy}},
              "training": { "epochs": 2, "batchSize": 16, "optimiser": { "learningRate": 0.05 } },
              "checkpoints": { "everySteps": 1 }{{extra}}
            }
            """;

    /// <summary>One epoch of three steps on zeros with networks that answer by tables.</summary>
    internal static string Table(string teacher, string student, string strategy, string augmentations) =>
        $$"""
            {
              "name": "table", "device": "cpu",
              "dataset": { "id": "constant" },
              "validation": { "count": 3 },
              "models": {
                "teacher": { "id": "table", "options": {{teacher}} },
                "student": { "id": "table", "options": {{student}} }
              },
              "augmentations": {{augmentations}},
              "losses": [ { "id": "cross-entropy", "weight": 0.1 }, { "id": "kd", "weight": 0.9 } ],
              "strategy": {{strategy}},
              "training": { "epochs": 1, "batchSize": 4, "optimiser": { "learningRate": 1e-9 } }
            }
            """;

    /// <summary>The values of a run's step events, in order.</summary>
    internal static IReadOnlyList<JsonObject> Steps(RecipeRun run, string name) =>
        [
            .. File.ReadLines(Path.Combine(run.Path(name), "events.jsonl"))
                .Select(line => JsonNode.Parse(line)!.AsObject())
                .Where(e => e.ToJsonString(JsonSerializerOptions.Default).Contains("\"step\""))
                .Select(e => e["values"] as JsonObject)
                .OfType<JsonObject>()
                .Where(v => v.ContainsKey("loss") || v.ContainsKey("t-stddev")),
        ];
}
