using KdPlugins.Core;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.Composition.Tests;

/// <summary>A set that one method has distilled as the data of another.</summary>
public sealed class DistilledDataTests : IDisposable
{
    private const string Shapes =
        """ "id": "shapes", "options": { "size": 8, "classes": 4, "train": 80, "test": 24 } """;

    private const string Sre2l = $$"""
        { "name": "sre2l", "dataset": { {{Shapes}} },
          "models": { "one": { "id": "cifar-resnet", "options": { "depth": 8 } }, "student": { "like": "one" } },
          "augmentations": { "shared": [ { "id": "normalise" } ] },
          "strategy": { "id": "sre2l", "options": { "teacher": "one", "imagesPerClass": 3, "iterations": 2, "batchSize": 8,
                                                    "jitter": 1, "labels": "static" } },
          "losses": [ { "id": "cross-entropy" } ], "training": { "epochs": 1, "batchSize": 8 } }
        """;

    private const string KrrSt = $$"""
        { "name": "krr", "dataset": { {{Shapes}} },
          "models": { "student": { "id": "cifar-resnet", "options": { "depth": 8 } }, "target": { "like": "student" } },
          "augmentations": { "student": [ { "id": "normalise" } ], "target": [ { "id": "normalise" } ] },
          "strategy": { "id": "krr-st", "options": { "images": 12, "pool": { "networks": 1, "steps": 2 },
                        "distil": { "steps": 2, "batch": 12 }, "preTrain": { "epochs": 1 } } },
          "losses": [ { "id": "cross-entropy" } ], "training": { "epochs": 0, "batchSize": 8 } }
        """;

    private const string AugKd = """
        { "id": "aug-kd", "options": { "generatorEpochs": 1, "stepsPerEpoch": 1, "innerSteps": 1, "encoderWidth": 4,
                                       "anchorEpochs": 1 } }
        """;

    private readonly RecipeRun _runs = new(Parts.Catalog);

    public void Dispose() => _runs.Dispose();

    private static string Recipe(string target, string strategy, string losses) =>
        $$"""
            { "name": "student", "strategy": {{strategy}},
              "dataset": { "id": "distilled-set", "options": { "path": "made/outputs/distilled", "target": "{{target}}" } },
              "sources": { "validation": { "split": "train", {{Shapes}} }, "test": { "split": "test", {{Shapes}} } },
              "models": { "teacher": { "id": "cifar-resnet", "options": { "depth": 8 } }, "student": { "like": "teacher" } },
              "augmentations": { "student": [ { "id": "horizontal-flip", "options": { "probability": 0 } } ] },
              "generators": { "main": { "id": "upsample-generator", "options": { "latent": 6, "width": 8 } } },
              "losses": [ {{losses}}, { "id": "test-witness" } ], "training": { "epochs": 1, "batchSize": 4 } }
            """;

    [Theory]
    [InlineData("offline", """{ "id": "cross-entropy" }, { "id": "dkd" }""")]
    [InlineData("icda", """{ "id": "kd" }, { "id": "icd" }""")]
    [InlineData("good-da-kd", """{ "id": "cross-entropy" }, { "id": "kd" }""")]
    [InlineData("aug-kd", """{ "id": "aug-kd-mix" }""")]
    public void Of_recovered_images_with_classes(string strategy, string losses)
    {
        _runs.Whole(Sre2l, "made");
        var plan = strategy == "aug-kd" ? AugKd : $$"""{ "id": "{{strategy}}" }""";
        Learns(Recipe("labels", plan, losses));
    }

    [Theory]
    [InlineData("offline")]
    [InlineData("icda")]
    [InlineData("good-da-kd")]
    public void Of_learned_images_without_classes(string strategy)
    {
        _runs.Whole(KrrSt, "made");
        Learns(Recipe("none", $$"""{ "id": "{{strategy}}" }""", """{ "id": "kd" }"""));
    }

    // Every image that the student sees is one of the set, and all of them are seen.
    private void Learns(string recipe)
    {
        var all = _runs.Watched(recipe, "run");
        using var scope = NewDisposeScope();
        using var set = DistilledSet.Open(Path.Combine(_runs.Path("made"), "outputs", "distilled"), 1 << 24);
        Assert.Equal(12, set.Card.Count);
        var images = set.Images.dtype == ScalarType.Byte ? set.Images.to(ScalarType.Float32) / 255 : set.Images;
        var used = new HashSet<long>();
        foreach (var seen in all)
            // AuG-KD's mixtures follow the real half.
            for (var n = 0; n < 4; n++)
            {
                var index = seen.Indices[n];
                Assert.Equal(images[index].flatten().contiguous().data<float>().ToArray(), seen.Input[n]);
                used.Add(index);
            }
        Assert.Equal(12, used.Count);
    }
}
