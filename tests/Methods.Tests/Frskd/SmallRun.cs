using KdPlugins.Augmentations;
using KdPlugins.Datasets;
using KdPlugins.Losses;
using KdPlugins.Models;
using KdPlugins.Strategies;
using KdPlugins.Testing;

namespace KdPlugins.Frskd.Tests;

/// <summary>A whole run of the method that takes a moment.</summary>
internal static class SmallRun
{
    public static TestCatalog Catalog { get; } =
        TestCatalog.Of(
            typeof(FrskdStrategy).Assembly,
            typeof(NormaliseAugmentation).Assembly,
            typeof(KdLoss).Assembly,
            typeof(CifarResNetPlugin).Assembly,
            typeof(OfflineStrategy).Assembly,
            typeof(ShapesPlugin).Assembly,
            typeof(Meters.ClassificationMeter).Assembly
        );

    public const string Student = """{ "id": "cifar-resnet", "options": { "depth": 8 } }""";

    public const string Losses =
        """{ "id": "cross-entropy" }, { "id": "kd", "weight": 2 }, { "id": "frskd-features" }""";

    /// <summary>The recipe's text: 3 batches an epoch.</summary>
    public static string Recipe(
        string options = "",
        string losses = Losses,
        string student = Student,
        string views = """{ "id": "horizontal-flip" }, { "id": "normalise" }""",
        string shapes = "",
        int size = 8,
        int epochs = 2,
        string precision = "float32"
    ) =>
        $$"""
            { "name": "small-frskd", "precision": "{{precision}}",
              "dataset": { "id": "shapes",
                           "options": { "size": {{size}}, "classes": 4, "train": 56, "test": 16 {{shapes}} } },
              "validation": { "count": 8 }, "models": { "student": {{student}} },
              "augmentations": { "student": [ {{views}} ] },
              "losses": [ {{losses}} ],
              "strategy": { "id": "frskd", "options": { "width": 1, "depth": 1 {{options}} } },
              "training": { "epochs": {{epochs}}, "batchSize": 16 } }
            """;
}
