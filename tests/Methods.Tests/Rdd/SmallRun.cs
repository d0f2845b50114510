using KdPlugins.Augmentations;
using KdPlugins.Datasets;
using KdPlugins.Losses;
using KdPlugins.Models;
using KdPlugins.Strategies;
using KdPlugins.Testing;

namespace KdPlugins.Rdd.Tests;

/// <summary>A whole run of the method that takes a moment.</summary>
internal static class SmallRun
{
    public static TestCatalog Catalog { get; } =
        TestCatalog.Of(
            typeof(RddStrategy).Assembly,
            typeof(NormaliseAugmentation).Assembly,
            typeof(KdLoss).Assembly,
            typeof(UNetPlugin).Assembly,
            typeof(OfflineStrategy).Assembly,
            typeof(ShapesPlugin).Assembly,
            typeof(Meters.SegmentationMeter).Assembly
        );

    public const string Teacher = """{ "id": "unet", "options": { "widths": [ 4, 6, 8 ] } }""";

    public const string Student = """{ "id": "unet", "options": { "widths": [ 4, 6 ] } }""";

    public const string Kd = """{ "id": "kd", "options": { "temperature": 1 } }""";

    public const string Views = """{ "id": "random-scale-crop" }, { "id": "horizontal-flip" }, { "id": "normalise" }""";

    /// <summary>The recipe's text: 3 batches an epoch.</summary>
    public static string Recipe(
        string options = "\"warmUp\": 0.5",
        string losses = Kd,
        string teacher = Teacher,
        string student = Student,
        string views = Views,
        string target = "mask",
        string strategy = "rdd",
        int size = 8,
        int epochs = 2,
        string precision = "float32"
    ) =>
        $$"""
            { "name": "small-rdd", "precision": "{{precision}}",
              "dataset": { "id": "shapes", "options": { "size": {{size}}, "classes": 3, "train": 56, "test": 16,
                           "target": "{{target}}" } },
              "validation": { "count": 8 },
              "models": { "teacher": {{teacher}}, "student": {{student}} },
              "augmentations": { "shared": [ {{views}} ] },
              "losses": [ {{losses}} ], "strategy": { "id": "{{strategy}}", "options": { {{options}} } },
              "training": { "epochs": {{epochs}}, "batchSize": 16 } }
            """;
}
