using KdPlugins.Testing;

namespace KdPlugins.Composition.Tests;

/// <summary>Losses of other methods as the objective of AuG-KD's third stage.</summary>
public sealed class ThirdStageTests : IDisposable
{
    private readonly RecipeRun _runs = new(Parts.Catalog);

    public void Dispose() => _runs.Dispose();

    private static string Recipe(string losses) =>
        $$"""
            { "name": "third-stage",
              "dataset": { "id": "shapes",
                           "options": { "size": 8, "classes": 4, "train": 40, "test": 16, "domainShift": 1 } },
              "validation": { "count": 8 },
              "models": { "teacher": { "id": "cifar-resnet", "options": { "depth": 8 } },
                          "student": { "id": "cifar-resnet", "options": { "depth": 8 } } },
              "augmentations": { "teacher": [ { "id": "normalise" } ], "student": [ { "id": "normalise" } ] },
              "generators": { "main": { "id": "upsample-generator", "options": { "latent": 6, "width": 8 } } },
              "losses": [ {{losses}} ],
              "strategy": { "id": "aug-kd",
                            "options": { "generatorEpochs": 1, "stepsPerEpoch": 2, "innerSteps": 1, "encoderWidth": 4,
                                         "anchorEpochs": 1 } },
              "training": { "epochs": 2, "batchSize": 16,
                            "optimiser": { "name": "adam", "learningRate": 1e-3 } } }
            """;

    [Fact]
    public void Dkd_is_the_objective_on_real_and_mixed_images()
    {
        var seen = _runs.Watched(
            Recipe(
                """
                { "id": "dkd", "options": { "alpha": 0.5, "beta": 3, "warmUpEpochs": 0 } }, { "id": "test-witness" }
                """
            ),
            "run"
        );
        var values = _runs.Values("run", "mixup", "dkd");
        Assert.NotEmpty(values);
        foreach (var at in values)
        {
            var (target, rest) = ((double)at["dkd.target"]!, (double)at["dkd.other-classes"]!);
            Assert.True(target > 0 && rest > 0);
            Assert.Equal(0.5 * target + 3 * rest, (double)at["dkd"]!, 1e-5);
            Assert.Equal((double)at["dkd"]!, (double)at["loss"]!, 1e-5);
        }
        // Every batch holds each sample twice: as it is, and mixed with what generator and anchor make of it.
        Assert.Equal(4, seen.Count);
        foreach (var batch in seen)
        {
            Assert.Equal("mixup", batch.Stage);
            Assert.Equal(batch.Indices[..16], batch.Indices[16..]);
            Assert.Equal(batch.Target[..16], batch.Target[16..]);
        }
        var first = seen[0].Input;
        for (var n = 0; n < 16; n++)
            Assert.NotEqual(first[n], first[n + 16]);
    }

    [Theory]
    [InlineData("dist")]
    [InlineData("lskd")]
    [InlineData("at")]
    [InlineData("nst")]
    [InlineData("fsp")]
    [InlineData("sp")]
    [InlineData("rkd")]
    [InlineData("pkt")]
    [InlineData("icd")]
    public void Any_other_loss_can_be_it_too(string loss)
    {
        _runs.Whole(Recipe($$"""{ "id": "{{loss}}" }"""), "run");
        var values = _runs.Values("run", "mixup", loss);
        Assert.NotEmpty(values);
        Assert.All(values, at => Assert.Equal((double)at[loss]!, (double)at["loss"]!, 1e-5));
        Assert.All(values, at => Assert.True((double)at[loss]! > 0));
    }
}
