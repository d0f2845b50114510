using KdPlugins.Augmentations;
using KdPlugins.Datasets;
using KdPlugins.Generators;
using KdPlugins.Losses;
using KdPlugins.Models;
using KdPlugins.Strategies;
using KdPlugins.Testing;

namespace KdPlugins.AugKd.Tests;

/// <summary>A whole run of the method that takes a moment: a teacher of unshifted shapes, a student of shifted ones.</summary>
internal static class SmallRun
{
    public static TestCatalog Catalog { get; } =
        TestCatalog
            .Of(
                typeof(AugKdStrategy).Assembly,
                typeof(UpsampleGenerator).Assembly,
                typeof(NormaliseAugmentation).Assembly,
                typeof(KdLoss).Assembly,
                typeof(CifarResNetPlugin).Assembly,
                typeof(SupervisedStrategy).Assembly,
                typeof(ShapesPlugin).Assembly,
                typeof(Meters.ClassificationMeter).Assembly
            )
            .With(typeof(GuardedShapes), typeof(LinearGenerator), typeof(LatentlessGenerator), typeof(PlainModel));

    public const string MixLoss = """[ { "id": "aug-kd-mix" } ]""";

    /// <summary>The steps of the stages of <see cref="Recipe"/>: teacher, data-free, anchor, mixup.</summary>
    public static readonly IReadOnlyDictionary<string, long> Steps = new Dictionary<string, long>
    {
        ["teacher/train"] = 2,
        ["data-free"] = 4,
        ["anchor"] = 4,
        ["mixup"] = 4,
    };

    /// <summary>The recipe's text.</summary>
    /// <param name="options">Further options of the strategy, each with a comma in front.</param>
    /// <param name="losses">The objective of the third stage.</param>
    /// <param name="shapes">Further options of the student's data set, each with a comma in front.</param>
    /// <param name="generator">The generator's section.</param>
    /// <param name="teacher">The teacher's section.</param>
    /// <param name="student">The student's augmentations.</param>
    /// <param name="strategy">Another strategy in the place of the method.</param>
    public static string Recipe(
        string options = "",
        string losses = MixLoss,
        string shapes = "",
        string generator = """{ "id": "upsample-generator", "options": { "latent": 6, "width": 8 } }""",
        string teacher = """{ "id": "cifar-resnet", "options": { "depth": 8 } }""",
        string student = """[ { "id": "normalise" } ]""",
        string? strategy = null
    ) =>
        $$"""
            {
              "name": "small-aug-kd",
              "dataset": { "id": "shapes",
                           "options": { "size": 8, "classes": 4, "train": 40, "test": 16, "domainShift": 1 {{shapes}} } },
              "validation": { "count": 8 },
              "sources": {
                "teacher-domain": { "id": "guarded-shapes", "options": { "size": 8, "classes": 4, "train": 32 } }
              },
              "models": { "teacher": {{teacher}}, "student": { "id": "cifar-resnet", "options": { "depth": 8 } } },
              "augmentations": {
                "shared": [ { "id": "horizontal-flip" } ],
                "teacher": [ { "id": "normalise" } ], "student": {{student}}
              },
              "generators": { "main": {{generator}} },
              "losses": {{losses}},
              "strategy": {{strategy ?? AugKd(options)}},
              "training": { "epochs": 2, "batchSize": 16,
                            "optimiser": { "name": "adam", "learningRate": 1e-3, "weightDecay": 1e-4 } },
              "prepare": [ { "role": "teacher", "training": { "epochs": 1 }, "losses": [ { "id": "cross-entropy" } ],
                "strategy": { "id": "supervised", "options": { "role": "teacher", "source": "teacher-domain" } } } ]
            }
            """;

    private static string AugKd(string options) =>
        $$"""
            { "id": "aug-kd", "options": { "generatorEpochs": 2, "stepsPerEpoch": 2, "innerSteps": 2, "encoderWidth": 4,
                                           "anchorEpochs": 2 {{options}} } }
            """;
}
