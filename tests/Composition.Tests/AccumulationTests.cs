using System.Text.Json.Nodes;
using KdPlugins.Testing;

namespace KdPlugins.Composition.Tests;

/// <summary>Every method takes each batch once, however many an update is made of; what draws none is as it was.</summary>
public sealed class AccumulationTests : IDisposable
{
    private const string Teaching = """{ "id": "cross-entropy" }, { "id": "kd" }""";

    private const string AugKd = """
        "generatorEpochs": 1, "stepsPerEpoch": 2, "innerSteps": 1, "encoderWidth": 4, "anchorEpochs": 1
        """;

    private const string KrrSt = """
        "target": "teacher", "base": "student", "images": 12, "pool": { "networks": 1, "steps": 2 },
        "distil": { "steps": 2, "batch": 12 }, "preTrain": { "epochs": 1 }
        """;

    private const string Sre2l = "\"imagesPerClass\": 3, \"iterations\": 2, \"batchSize\": 8, \"labels\": \"static\"";

    private const string SelectiveFd = """
        "clients": 2, "split": "classes", "proxySamples": 8, "mode": "indiscriminate", "proxyBatch": 4, "roundsPerEpoch": 1,
        "distillSteps": 1
        """;

    private readonly RecipeRun _runs = new(Parts.Catalog);

    public void Dispose() => _runs.Dispose();

    // 32 samples train: 8 batches, with three to an update 3, 3 and 2.
    private static string Recipe(string strategy, string options, string losses, int accumulate) =>
        strategy == "rdd"
            ? Classes(strategy, options, losses, accumulate)
                .Replace("\"train\": 40", "\"target\": \"mask\", \"train\": 40")
                .Replace(
                    """{ "id": "cifar-resnet", "options": { "depth": 8 } }""",
                    """{ "id": "unet", "options": { "widths": [ 4, 8 ] } }"""
                )
            : Classes(strategy, options, losses, accumulate);

    private static string Classes(string strategy, string options, string losses, int accumulate) =>
        $$"""
            { "name": "accumulate", "strategy": { "id": "{{strategy}}", "options": { {{options}} } },
              "dataset": { "id": "shapes", "options": { "size": 8, "classes": 4, "train": 40, "test": 8 } },
              "validation": { "count": 8 },
              "models": { "teacher": { "id": "cifar-resnet", "options": { "depth": 8 } }, "student": { "like": "teacher" } },
              "augmentations": { "teacher": [ { "id": "normalise" } ],
                                 "student": [ { "id": "horizontal-flip" }, { "id": "normalise" } ] },
              "generators": { "main": { "id": "upsample-generator", "options": { "latent": 6, "width": 8 } } },
              "losses": [ {{losses}} ], "training": { "epochs": 1, "batchSize": 4, "accumulate": {{accumulate}} } }
            """;

    [Theory]
    [InlineData("supervised", "", """{ "id": "cross-entropy" }""", "train 3")]
    [InlineData("offline", "", Teaching, "distil 3")]
    [InlineData("icda", "", """{ "id": "kd" }, { "id": "icd" }""", "distil 3")]
    [InlineData("good-da-kd", "", Teaching, "distil 3")]
    [InlineData("rdd", "\"warmUp\": 0.5", """{ "id": "kd" }""", "distil 3")]
    [InlineData("sokd", "", Teaching, "distil 3")]
    [InlineData("frskd", "\"width\": 1", Teaching + ", { \"id\": \"frskd-features\" }", "distil 3")]
    [InlineData("two-views", "", """{ "id": "nt-xent" }""", "train 3")]
    [InlineData("linear-evaluation", "\"neighbours\": 3", """{ "id": "cross-entropy" }""", "linear 3, neighbours 8")]
    [InlineData("aug-kd", AugKd, """{ "id": "aug-kd-mix" }""", "data-free 2, anchor 3, mixup 3")]
    [InlineData("mosaic-kd", "\"source\": \"train\", \"discriminatorWidth\": 4", """{ "id": "kd" }""", "mosaic 3")]
    [InlineData("sre2l", Sre2l, """{ "id": "cross-entropy" }""", "recover 4, label 3, student 1")]
    // Distillation asks for three times its 12 real images in each of 2 steps.
    [InlineData(
        "krr-st",
        KrrSt,
        """{ "id": "cross-entropy" }""",
        "collect 1, pool 1, distil 2, pre-train 1, fine-tune 3",
        48
    )]
    // A step on its own data takes three batches in place of one, of each client.
    [InlineData("selective-fd", SelectiveFd, """{ "id": "cross-entropy" }""", "select 2, rounds 2", 16)]
    public void A_method_takes_every_batch_once(
        string strategy,
        string options,
        string losses,
        string steps,
        long more = 0
    )
    {
        var one = _runs.Whole(Recipe(strategy, options, losses, 1), "one");
        var three = _runs.Whole(Recipe(strategy, options, losses, 3), "three");
        Assert.Equal(steps, Steps("three"));
        Assert.Equal((long)one["samples"]! + more, (long)three["samples"]!);
        Assert.NotEqual(
            _runs.Sha256("one", "student-last.safetensors"),
            _runs.Sha256("three", "student-last.safetensors")
        );
    }

    // The steps of each stage.
    private string Steps(string run)
    {
        var ends = File.ReadLines(Path.Combine(_runs.Path(run), "events.jsonl"))
            .Select(line => JsonNode.Parse(line)!)
            .Where(e => (string?)e["kind"] == "stage")
            .Select(e => ((string)e["stage"]!, (long)e["step"]!))
            .ToList();
        return string.Join(
            ", ",
            ends.Select((end, i) => $"{end.Item1} {end.Item2 - (i == 0 ? 0 : ends[i - 1].Item2)}")
        );
    }
}
