using KdPlugins.Augmentations;
using KdPlugins.Datasets;
using KdPlugins.GoodDaKd;
using KdPlugins.Losses;
using KdPlugins.Models;
using KdPlugins.Strategies;
using KdPlugins.Testing;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Sokd.Tests;

/// <summary>A whole run of the method that takes a moment, and what it leaves behind.</summary>
internal static class SmallRun
{
    public static TestCatalog Catalog { get; } =
        TestCatalog
            .Of(
                typeof(SokdStrategy).Assembly,
                typeof(NormaliseAugmentation).Assembly,
                typeof(GoodDaKdStrategy).Assembly,
                typeof(KdLoss).Assembly,
                typeof(CifarResNetPlugin).Assembly,
                typeof(OfflineStrategy).Assembly,
                typeof(ShapesPlugin).Assembly,
                typeof(Meters.ClassificationMeter).Assembly
            )
            .With(typeof(UncutModel));

    public const string Teacher = """{ "id": "wrn", "options": { "depth": 10, "width": 1 } }""";

    public const string Losses = """{ "id": "cross-entropy" }, { "id": "kd" }""";

    /// <summary>The recipe's text: 3 batches an epoch.</summary>
    public static string Recipe(
        string options = "",
        string losses = Losses,
        string teacher = Teacher,
        string student = """{ "id": "cifar-resnet", "options": { "depth": 8 } }""",
        string views = """{ "id": "horizontal-flip" }, { "id": "normalise" }""",
        string strategy = "sokd",
        int epochs = 2,
        int train = 56,
        string precision = "float32"
    ) =>
        $$"""
            { "name": "small-sokd", "precision": "{{precision}}",
              "dataset": { "id": "shapes", "options": { "size": 8, "classes": 4, "train": {{train}}, "test": 16 } },
              "validation": { "count": 8 },
              "models": { "teacher": {{teacher}}, "student": {{student}} },
              "augmentations": { "student": [ {{views}} ] },
              "losses": [ {{losses}} ], "strategy": { "id": "{{strategy}}", "options": { {{options}} } },
              "training": { "epochs": {{epochs}}, "batchSize": 16 } }
            """;

    /// <summary>A role's tensors as a finished run saved them, by name, in hexadecimal.</summary>
    public static IReadOnlyDictionary<string, string> Saved(this RecipeRun runs, string run, string role)
    {
        using var saved = Core.Checkpoint.Open(Core.Checkpoint.List(runs.Path(run))[0].Path);
        var section = saved.Section($"module.role.{role}");
        return section.Entries.Keys.ToDictionary(name => name, name => Convert.ToHexString(section.Bytes(name)));
    }

    /// <summary>The tensors of a file of weights, in hexadecimal.</summary>
    public static IReadOnlyDictionary<string, string> Weights(this RecipeRun runs, string file)
    {
        using var weights = SafeTensorsFile.Open(runs.Path(file));
        return weights.Entries.Keys.ToDictionary(name => name, name => Convert.ToHexString(weights.Bytes(name)));
    }
}
