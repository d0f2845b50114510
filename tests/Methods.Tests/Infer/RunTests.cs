using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Losses;
using KdPlugins.Models;
using KdPlugins.Sre2l;
using KdPlugins.Strategies;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Infer.Tests;

/// <summary>Whole runs on small images: four classes, two teachers.</summary>
public sealed class RunTests : IDisposable
{
    private static readonly TestCatalog Catalog = TestCatalog.Of(
        typeof(InferStrategy).Assembly,
        typeof(Sre2lStrategy).Assembly,
        typeof(MixupAugmentation).Assembly,
        typeof(ShapesPlugin).Assembly,
        typeof(KdLoss).Assembly,
        typeof(Meters.ClassificationMeter).Assembly,
        typeof(CifarResNetPlugin).Assembly,
        typeof(OfflineStrategy).Assembly
    );

    private readonly RecipeRun _runs = new(Catalog);

    public void Dispose() => _runs.Dispose();

    private const string Shapes =
        """{ "id": "shapes", "options": { "size": 8, "classes": 4, "train": 80, "test": 24 } }""";

    private const string Kd = """{ "id": "kd", "options": { "temperature": 30, "scaled": false } }""";

    private static string Recipe(string strategy, string losses = Kd, string dataset = Shapes, string more = "") =>
        $$"""
            { "name": "small", "dataset": {{dataset}}, "strategy": {{strategy}}, "losses": [ {{losses}} ],
              "models": { "one": { "id": "cifar-resnet", "options": { "depth": 8 } }, "two": { "like": "one" },
                          "student": { "like": "one" } },
              "augmentations": { "shared": [ { "id": "normalise" } ], "student": [ { "id": "random-crop" }, { "id": "mixup" } ] },
              "training": { "epochs": 2, "batchSize": 8, "optimiser": { "name": "adamw", "learningRate": 1e-3 } } {{more}} }
            """;

    private static string Infer(string options = "", int iterations = 3) =>
        $$"""
            { "id": "infer", "options": { "teachers": [ "one", "two" ], "imagesPerClass": 3, "iterations": {{iterations}}, "jitter": 2
              {{options}} } }
            """;

    private static string Sre2l(string options = "", int iterations = 3) =>
        $$"""
            { "id": "sre2l", "options": { "teacher": "one", "imagesPerClass": 3, "iterations": {{iterations}}, "batchSize": 8, "jitter": 2
              {{options}} } }
            """;

    public static TheoryData<string, string, int> Methods =>
        new()
        {
            { Infer(), Kd, 5 },
            { Infer(""", "labels": "dynamic", "crop": true"""), Kd, 7 },
            { Infer(""", "labels": "classes", "compensate": false"""), """{ "id": "cross-entropy" }""", 1 },
            { Sre2l(), Kd, 5 },
            { Sre2l(""", "labels": "static" """), """{ "id": "cross-entropy" }""", 7 },
        };

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_run_in_pieces_ends_where_the_whole_one_does(string strategy, string losses, int steps)
    {
        var whole = _runs.Whole(Recipe(strategy, losses), "whole");
        var (pieces, sittings) = _runs.Pieces(Recipe(strategy, losses), "pieces", steps);

        Assert.True(sittings > 1);
        Assert.Equal((long)whole["steps"]!, (long)pieces["steps"]!);
        Assert.Equal(
            _runs.Sha256("whole", "student-last.safetensors"),
            _runs.Sha256("pieces", "student-last.safetensors")
        );
        const string Data = "outputs/distilled/data.safetensors";
        Assert.Equal(_runs.Sha256("whole", Data), _runs.Sha256("pieces", Data));
    }

    [Fact]
    public void The_exported_set_is_natural_images_compensators_and_labels_within_the_budget()
    {
        _runs.Whole(Recipe(Infer()), "run");
        using var set = Open("run");
        // C = 4, M = 2, 3 per class: P = floor(12 / 6) = 2.
        Assert.Equal([8, 3, 8, 8], set.Images.shape);
        Assert.Equal([0, 1, 2, 3, 0, 1, 2, 3], set.Labels.data<long>());
        var codes = set.Tensors["compensators"];
        Assert.Equal([4, 3, 8, 8], codes.shape);
        // Every compensator was optimised.
        Assert.All(Enumerable.Range(0, 4), i => Assert.True(codes[i].max().item<byte>() == 255));
        var logits = set.Tensors["instance-logits"];
        Assert.Equal([24, 4], logits.shape);
        Assert.True(logits.abs().sum(1).gt(0).all().item<bool>());
        Assert.Equal("8", set.Card.Provenance["natural-images"]);
        Assert.Equal("4", set.Card.Provenance["compensators"]);
        Assert.Equal("24", set.Card.Provenance["instances"]);
        Assert.Equal($"{24 * 4 * 4}", set.Card.Provenance["label-bytes"]);
        var budget = new Budget(4, 2, 2, [3, 8, 8], true);
        Assert.Equal($"{budget.Bytes}", set.Card.Provenance["bytes"]);
        Assert.Equal($"{budget.ImagesPerClass:F4}", set.Card.Provenance["images-per-class-with-labels"]);
    }

    // One iteration of Adam from zero moves every pixel by the learning rate against its gradient: none moves where the schedule
    // goes on from compensator to compensator, and where all start from the same image they move alike.
    [Fact]
    public void Every_compensator_starts_its_schedule_anew_and_from_its_own_image()
    {
        _runs.Whole(
            Recipe(Infer(""", "jitter": 0""", iterations: 1).Replace("\"jitter\": 2", "\"crop\": false")),
            "run"
        );
        using var set = Open("run");
        var codes = set.Tensors["compensators"];
        Assert.All(Enumerable.Range(0, 4), i => Assert.Equal(255, codes[i].max().item<byte>()));
        Assert.False(codes[0].equal(codes[1]).all().item<bool>());
        Assert.False(codes[2].equal(codes[3]).all().item<bool>());
    }

    [Fact]
    public void Natural_images_are_of_the_training_data_and_of_their_class()
    {
        _runs.Whole(Recipe(Infer(iterations: 1)), "run");
        using var set = Open("run");
        var data = Stubs
            .Plugin<ShapesPlugin>(
                new ShapesOptions
                {
                    Size = [8],
                    Classes = 4,
                    Train = 80,
                    Test = 24,
                }
            )
            .Open("");
        var all = data.Open("train").Read(Enumerable.Range(0, 80).Select(i => (long)i).ToArray());
        var labels = TargetReader.As<ClassIndexTarget>(all.Target, "test").Labels;
        var picked = new HashSet<int>();
        for (var i = 0; i < 8; i++)
        {
            var same = all.Input.eq(set.Images[i]).flatten(1).all(1).nonzero().flatten();
            Assert.Equal(1, same.numel());
            Assert.True(picked.Add((int)same[0].item<long>()));
            Assert.Equal(set.Labels[i].item<long>(), labels[same[0]].item<long>());
        }
    }

    [Fact]
    public void Optimising_lowers_the_objective_of_the_recovered_images()
    {
        _runs.Whole(Recipe(Sre2l(""", "statisticsWeight": 1""", iterations: 40)), "run");
        var lines = File.ReadLines(Path.Combine(_runs.Path("run"), "events.jsonl"));
        var losses = lines
            .Select(l => System.Text.Json.Nodes.JsonNode.Parse(l)!)
            .Where(e => (string?)e["stage"] == "recover" && e["values"]?["loss"] is not null)
            .Select(e => (double)e["values"]!["loss"]!)
            .ToArray();
        Assert.True(losses.Length > 3);
        Assert.True(losses[3] < losses[0]);
    }

    [Theory]
    [InlineData("labels", "static", Kd)]
    [InlineData("labels", "classes", """{ "id": "cross-entropy" }""")]
    [InlineData("soft", "stored", Kd)]
    public void Another_student_learns_from_the_set_as_a_source(string target, string labels, string losses)
    {
        _runs.Whole(Recipe(Infer()), "made");
        var source = Source("compensated-set", "made", target);
        var strategy = Infer($$""", "source": "small", "labels": "{{labels}}" """);
        var report = _runs.Whole(Recipe(strategy, losses, more: $$""", "sources": { "small": {{source}} }"""), "run");
        Assert.InRange((double)report["student"]!["test_accuracy"]!["last"]!, 0, 1);
        // 24 instances in batches of 8, twice; three steps label.
        Assert.Equal(labels == "static" ? 9 : 6, (long)report["steps"]!);
    }

    [Fact]
    public void A_student_on_stored_labels_needs_no_teacher_among_the_models()
    {
        _runs.Whole(Recipe(Infer()), "made");
        var recipe = $$"""
            { "name": "alone", "dataset": {{Shapes}}, "losses": [ {{Kd}} ],
              "sources": { "small": {{Source("compensated-set", "made", "soft")}} },
              "models": { "student": { "id": "cifar-resnet", "options": { "depth": 8 } } },
              "strategy": { "id": "infer", "options": { "source": "small", "labels": "stored" } },
              "training": { "epochs": 1, "batchSize": 8 } }
            """;
        Assert.Equal(3, (long)_runs.Whole(recipe, "run")["steps"]!);
    }

    [Theory]
    [InlineData("compensated-set")]
    [InlineData("distilled-set")]
    public void A_distilled_set_is_the_data_of_any_strategy(string id)
    {
        _runs.Whole(Recipe(id == "compensated-set" ? Infer() : Sre2l(""", "labels": "static" """)), "made");
        var recipe = Recipe(
            """{ "id": "offline", "options": { "teacher": "one" } }""",
            """{ "id": "cross-entropy" }, { "id": "kd" }""",
            Source(id, "made", "labels"),
            $$""", "sources": { "test": {{Shapes}} }"""
        );
        Assert.True((long)_runs.Whole(recipe, "run")["steps"]! > 0);
    }

    [Fact]
    public void The_same_seed_distils_the_same_set_and_another_does_not()
    {
        const string Data = "outputs/distilled/data.safetensors";
        _runs.Whole(Recipe(Infer()), "first");
        _runs.Whole(Recipe(Infer()), "again");
        _runs.Whole(Recipe(Infer(), more: """, "seed": 2"""), "other");
        Assert.Equal(_runs.Sha256("first", Data), _runs.Sha256("again", Data));
        Assert.NotEqual(_runs.Sha256("first", Data), _runs.Sha256("other", Data));
    }

    [Fact]
    public void The_weight_of_the_statistics_counts()
    {
        const string Data = "outputs/distilled/data.safetensors";
        _runs.Whole(Recipe(Infer()), "one");
        _runs.Whole(Recipe(Infer(""", "statisticsWeight": 0.25 """)), "quarter");
        Assert.NotEqual(_runs.Sha256("one", Data), _runs.Sha256("quarter", Data));
    }

    [Fact]
    public void A_trial_of_few_steps_goes_through_every_stage()
    {
        Assert.Equal(1 + 2 + 2 + 2, (long)_runs.Whole(Recipe(Infer()), "infer", maxStepsPerStage: 2)["steps"]!);
        Assert.Equal(2 + 2, (long)_runs.Whole(Recipe(Sre2l()), "sre2l", maxStepsPerStage: 2)["steps"]!);
    }

    private DistilledSet Open(string run) =>
        DistilledSet.Open(Path.Combine(_runs.Path(run), "outputs", "distilled"), 1 << 24);

    private static string Source(string id, string run, string target) =>
        $$"""{ "id": "{{id}}", "options": { "path": "{{run}}/outputs/distilled", "target": "{{target}}" } }""";
}
