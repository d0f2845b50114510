using KdPlugins.Testing;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Composition.Tests;

/// <summary>Parts of other methods in MosaicKD, and its generator in another one.</summary>
public sealed class MosaicTests : IDisposable
{
    private const string Mosaic = """{ "id": "mosaic-generator", "options": { "latent": 6, "width": 2 } }""";

    private readonly RecipeRun _runs = new(Parts.Catalog);

    public void Dispose() => _runs.Dispose();

    // Two steps of two updates of the student, on 8 generated and 8 real images each.
    private static string Recipe(string losses, string student = "", string generator = Mosaic) =>
        $$"""
            { "name": "mosaic",
              "dataset": { "id": "shapes", "options": { "size": 8, "classes": 4, "train": 24, "test": 8 } },
              "sources": { "ood": { "id": "shapes", "options": { "size": 8, "classes": 9, "firstClass": 9, "train": 16 } } },
              "models": { "teacher": { "id": "cifar-resnet", "options": { "depth": 8 } },
                          "student": { "id": "cifar-resnet", "options": { "depth": 8 } } },
              "augmentations": { "shared": [ { "id": "normalise" } ], "student": [ {{student}} ] },
              "generators": { "main": {{generator}} }, "losses": [ {{losses}} ],
              "strategy": { "id": "mosaic-kd", "options": { "innerSteps": 2, "discriminatorWidth": 4 } },
              "training": { "epochs": 1, "batchSize": 8, "optimiser": { "learningRate": 0.01 } } }
            """;

    [Fact]
    public void Dkd_is_the_students_objective_with_the_teachers_classes_as_labels()
    {
        const string dkd = """{ "id": "dkd", "options": { "alpha": 0.5, "beta": 3, "warmUpEpochs": 0 } }""";
        var seen = _runs.Watched(Recipe($$"""{{dkd}}, { "id": "test-witness" }"""), "run");
        Assert.Equal(4, seen.Count);
        foreach (var batch in seen)
        {
            Assert.Equal(16, batch.Input.Length);
            Assert.All(batch.Indices, n => Assert.Equal(-1, n));
            Assert.Equal(
                batch.Taught.Select(t => (float)Array.IndexOf(t, t.Max())),
                batch.Target.Select(t => t.Single())
            );
        }
        var values = _runs.Values("run", "mosaic", "dkd");
        Assert.NotEmpty(values);
        foreach (var at in values)
            Assert.Equal(
                0.5 * (double)at["dkd.target"]! + 3 * (double)at["dkd.other-classes"]!,
                (double)at["dkd"]!,
                1e-4
            );
    }

    [Theory]
    [InlineData("dist")]
    [InlineData("rkd")]
    [InlineData("lskd")]
    [InlineData("at")]
    public void Any_other_loss_can_be_it_too(string loss)
    {
        _runs.Whole(Recipe($$"""{ "id": "{{loss}}" }"""), "run");
        var values = _runs.Values("run", "mosaic", loss);
        Assert.NotEmpty(values);
        Assert.All(values, at => Assert.True((double)at[loss]! > 0));
    }

    // Out-of-domain labels go to nobody: nine classes where the networks have four.
    [Fact]
    public void Cutmix_in_the_students_view_mixes_real_images_and_leaves_generated_ones()
    {
        const string losses = """{ "id": "kd" }, { "id": "test-witness" }""";
        var plain = _runs.Watched(Recipe(losses), "plain")[0].Input;
        var mixed = _runs.Watched(Recipe(losses, """{ "id": "cutmix" }"""), "mixed")[0].Input;
        Assert.Equal(plain[..8], mixed[..8]);
        Assert.NotEqual(plain[8..], mixed[8..]);
        // Every pixel of a mixed image is one of a real image at that place.
        for (var n = 8; n < 16; n++)
        for (var at = 0; at < mixed[n].Length; at++)
            Assert.Contains(plain[8..], image => image[at] == mixed[n][at]);
    }

    [Fact]
    public void The_generator_of_another_method_will_do()
    {
        const string other = """{ "id": "upsample-generator", "options": { "latent": 6, "width": 8 } }""";
        _runs.Whole(Recipe("""{ "id": "kd" }""", generator: other), "other");
        _runs.Whole(Recipe("""{ "id": "kd" }"""), "own");
        // One network under two names.
        Assert.Equal(Tensors("own"), Tensors("other"));
    }

    // The file says what it was made by.
    private byte[] Tensors(string run)
    {
        using var file = SafeTensorsFile.Open(Path.Combine(_runs.Path(run), "student-last.safetensors"));
        return [.. file.Entries.Keys.Order(StringComparer.Ordinal).SelectMany(key => file.Bytes(key).ToArray())];
    }

    [Theory]
    [InlineData(8, "small")]
    [InlineData(32, "deep")]
    public void Its_generator_serves_aug_kd(int size, string form)
    {
        var report = _runs.Whole(
            $$"""
            { "name": "aug-kd-by-mosaic",
              "dataset": { "id": "shapes", "options": { "size": {{size}}, "classes": 4, "train": 24, "test": 8 } },
              "validation": { "count": 8 },
              "models": { "teacher": { "id": "cifar-resnet", "options": { "depth": 8 } }, "student": { "like": "teacher" } },
              "augmentations": { "teacher": [ { "id": "normalise" } ], "student": [ { "id": "normalise" } ] },
              "generators": { "main": { "id": "mosaic-generator",
                                        "options": { "latent": 6, "width": 2, "form": "{{form}}" } } },
              "losses": [ { "id": "aug-kd-mix" } ],
              "strategy": { "id": "aug-kd", "options": { "generatorEpochs": 1, "stepsPerEpoch": 2, "innerSteps": 1,
                                                         "encoderWidth": 4, "anchorEpochs": 1 } },
              "training": { "epochs": 1, "batchSize": 8 } }
            """,
            "run"
        );
        Assert.Equal(6, (long)report["steps"]!);
    }
}
