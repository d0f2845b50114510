using System.Text.Json;
using System.Text.Json.Nodes;

namespace KdPlugins.Core.Tests.Support;

/// <summary>Recipes for the plugins of <see cref="SamplePlugins"/>.</summary>
public static class SampleRecipes
{
    private static readonly JsonDocumentOptions Lenient = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    /// <summary>As short as a recipe can be.</summary>
    public const string Smallest = """
        {
          "name": "smallest",
          "dataset": { "id": "shapes" },
          "models": { "teacher": { "id": "cifar-resnet" }, "student": { "like": "teacher" } },
          "losses": [ { "id": "kd" } ],
          "strategy": { "id": "offline" }
        }
        """;

    /// <summary>Every key that the format has, comments and trailing commas.</summary>
    public const string Full = """
        {
          "$schema": "kd.schema.json",
          "name": "full-example",
          "seeds": [1, 2, 3], // three runs
          "device": "cuda:1",
          "precision": "bf16",
          "wrongLayers": "warn",
          "dataset": { "id": "shapes", "options": { "samples": 3e2 } },
          "validation": { "count": 50 },
          "sources": { "proxy": { "id": "folder", "split": "val", "options": { "path": "../proxy" } } },
          "models": {
            "teacher": { "id": "cifar-resnet", "options": { "depth": 32, "width": 0.25 }, "weights": "weights/t.pth", "freeze": ["conv1", "*.bias"] },
            "student": { "id": "cifar-resnet", "options": { "depth": 8, "activation": "leaky-relu" } },
            "other": { "like": "student", "weights": "o.safetensors" },
          },
          "augmentations": {
            "shared": [ { "id": "random-crop", "options": { "padding": 2 } } ],
            "student": [ { "id": "flip" }, { "id": "random-crop", "options": {} } ],
          },
          "generators": { "main": { "id": "noise" } },
          "losses": [
            { "id": "cross-entropy", "weight": 0.1, "options": { "smoothing": 0.1 } },
            { "id": "kd", "weight": 0.9, "options": { "temperature": 2.5, "taps": ["a", "b"], "top": 3, "shares": { "z": 1, "a": 0.5 } } },
          ],
          "strategy": { "id": "offline", "options": {} },
          "training": {
            "epochs": 4,
            "batchSize": 32,
            "accumulate": 2,
            "optimiser": {
              "name": "adamw", "learningRate": 1e-3, "momentum": 0, "nesterov": false, "weightDecay": 5e-4,
              "clipNorm": 1, "clipValue": 0.5, "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-6,
              "decayNormsAndBiases": false, "layerDecay": 0.75
            },
            "schedule": {
              "name": "multi-step", "milestones": [0.5, 0.75], "factor": 0.2, "warmup": 0.05, "minimum": 0.01,
              "power": 3, "peak": 0.4, "start": 0.1, "stepEpochs": 2, "patience": 3
            },
            "ema": { "decay": 0.99, "warmup": false },
            "earlyStopping": { "patience": 4, "delta": 0.01, "value": "misses" },
            "maxMinutes": 30,
            "sampling": "balanced"
          },
          "prepare": [
            {
              "name": "pretrain", "role": "teacher", "once": true,
              "strategy": { "id": "supervised", "options": { "role": "teacher" } },
              "training": { "epochs": 9, "optimiser": { "learningRate": 0.1 } },
              "losses": [ { "id": "cross-entropy" } ]
            },
            { "role": "other" },
          ],
          "baseline": true,
          "evaluation": { "everyEpochs": 2, "batchSize": 128, "meters": [ { "id": "sample-hits" } ], "best": "misses" },
          "checkpoints": { "everySteps": 10, "everySeconds": 0, "keep": 3 }
        }
        """;

    /// <summary>The recipe as a tree to change.</summary>
    public static JsonObject Tree(string text) => JsonNode.Parse(text, null, Lenient)!.AsObject();

    public static Recipe Read(string text, params string[] settings) => Read(text, SamplePlugins.Catalog(), settings);

    public static Recipe Read(string text, IPluginCatalog catalog, params string[] settings) =>
        RecipeReader.ReadText(
            text,
            "/recipes",
            new RecipeOverrides(settings, new Dictionary<string, string>()),
            catalog
        );

    /// <summary>Everything that is wrong with a recipe.</summary>
    public static IReadOnlyList<RecipeFailure> Failures(string text, params string[] settings) =>
        Xunit.Assert.Throws<RecipeException>(() => Read(text, settings)).Failures;
}
