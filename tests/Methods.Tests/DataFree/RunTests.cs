using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Generators;
using KdPlugins.Losses;
using KdPlugins.Models;
using KdPlugins.Strategies;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.DataFree.Tests;

/// <summary>Whole runs by the engine.</summary>
public sealed class RunTests : IDisposable
{
    private static readonly TestCatalog Catalog = TestCatalog
        .Of(
            typeof(DataFreeStrategy).Assembly,
            typeof(NormaliseAugmentation).Assembly,
            typeof(UpsampleGenerator).Assembly,
            typeof(KdLoss).Assembly,
            typeof(CifarResNetPlugin).Assembly,
            typeof(OfflineStrategy).Assembly,
            typeof(ShapesPlugin).Assembly,
            typeof(Meters.ClassificationMeter).Assembly
        )
        .With(typeof(OtherImages));

    private const string Student = "student-last.safetensors";
    private const string Lengths = "\"studentSteps\": 2, \"rounds\": 2";

    // Of the methods that keep images: three batches before the student, few updates each.
    private static readonly Dictionary<string, string> Options = new()
    {
        ["deep-inversion"] = $"{Lengths}, \"steps\": 3, \"warmUp\": 2",
        ["zskd"] = $"{Lengths}, \"steps\": 3, \"warmUp\": 2",
        ["dafl"] = Lengths,
        ["zskt"] = Lengths,
        ["dfad"] = Lengths,
        ["dfq"] = Lengths,
        ["cmi"] = $"{Lengths}, \"steps\": 3, \"warmUp\": 2, \"bank\": 12, \"bankBatch\": 5",
        ["fast"] = $"{Lengths}, \"steps\": 2, \"warmUp\": 2",
        ["fast-meta"] = $"{Lengths}, \"steps\": 2, \"warmUp\": 2, \"resetAt\": 3",
    };

    public static TheoryData<string> Methods => [.. Options.Keys];

    public static TheoryData<string> Pooled => ["deep-inversion", "zskd", "cmi", "fast", "fast-meta"];

    private readonly RecipeRun _runs = new(Catalog);

    public void Dispose() => _runs.Dispose();

    private static string Recipe(
        string method,
        string more = "",
        string losses = """{ "id": "kd" }""",
        string data = """{ "id": "shapes", "options": { "size": 8, "classes": 4, "train": 48, "test": 16 } }""",
        string teacher = """{ "id": "convnet", "options": { "widths": [ 8, 8 ] } }""",
        string generator = """{ "id": "upsample-generator", "options": { "latent": 6, "width": 8 } }""",
        string precision = "float32",
        int epochs = 2
    ) =>
        $$"""
            { "name": "small", "precision": "{{precision}}",
              "dataset": {{data}},
              "validation": { "count": 8 },
              "models": { "teacher": {{teacher}}, "student": { "id": "cifar-resnet", "options": { "depth": 8 } } },
              "augmentations": { "shared": [ { "id": "random-crop", "options": { "padding": 1 } }, { "id": "normalise" } ],
                                 "student": [ { "id": "horizontal-flip" } ] },
              "generators": { "main": {{generator}} },
              "losses": [ {{losses}} ],
              "strategy": { "id": "data-free", "options": { "method": "{{method}}", {{Options.GetValueOrDefault(
                method,
                Lengths
            )}} {{(more.Length > 0 ? ", " + more : "")}} } },
              "training": { "epochs": {{epochs}}, "batchSize": 8, "optimiser": { "learningRate": 0.01 },
                            "schedule": { "name": "constant" } } }
            """;

    private List<JsonNode> Events(string run) =>
        [.. File.ReadLines(Path.Combine(_runs.Path(run), "events.jsonl")).Select(l => JsonNode.Parse(l)!)];

    private Tensor Distilled(string run)
    {
        using var set = DistilledSet.Open(Path.Combine(_runs.Path(run), "outputs", "distilled"), 1 << 20);
        Assert.Equal(arange(set.Images.shape[0]).remainder(4), set.Labels);
        return set.Images.clone();
    }

    private float[] State(string run, string part)
    {
        using var saved = Checkpoint.Open(Checkpoint.List(_runs.Path(run))[0].Path);
        foreach (
            var section in (string[])["state", "module.role.student", "module.role.critic", "module.generator.main"]
        )
        {
            using var tensors = saved.Section(section);
            foreach (
                var name in tensors.Entries.Keys.Where(n => $"{section}/{n}".Contains(part, StringComparison.Ordinal))
            )
                return MemoryMarshal.Cast<byte, float>(tensors.Bytes(name)).ToArray();
        }
        throw new InvalidOperationException($"No {part}.");
    }

    // The student's, by name; files say beside them what data there were.
    private Dictionary<string, string> Weights(string run)
    {
        using var saved = Checkpoint.Open(Checkpoint.List(_runs.Path(run))[0].Path);
        using var section = saved.Section("module.role.student");
        return section.Entries.Keys.ToDictionary(n => n, n => Convert.ToHexString(section.Bytes(n)));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_run_in_pieces_ends_where_the_whole_one_does(string method)
    {
        var recipe = Recipe(method, precision: method is "dfq" or "cmi" or "zskd" ? "bf16" : "float32");
        _runs.Whole(recipe, "whole");
        var (_, sittings) = _runs.Pieces(recipe, "pieces", 1);
        Assert.True(sittings > 3);
        foreach (var file in (string[])[Student, "teacher-last.safetensors"])
            Assert.Equal(_runs.Sha256("whole", file), _runs.Sha256("pieces", file));
        if (Directory.Exists(Path.Combine(_runs.Path("whole"), "outputs", "distilled")))
        {
            using var scope = NewDisposeScope();
            Assert.Equal(Distilled("whole"), Distilled("pieces"));
        }
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Nothing_follows_from_the_training_data(string method)
    {
        static string Data(string negative) =>
            $$"""{ "id": "other-images", "options": { "negative": {{negative}} } }""";
        _runs.Whole(Recipe(method, data: Data("false")), "some");
        _runs.Whole(Recipe(method, data: Data("true")), "others");
        Assert.Equal(Weights("some"), Weights("others"));
    }

    [Theory]
    [InlineData("deep-inversion", 5)]
    [InlineData("zskd", 2)]
    [InlineData("cmi", 5)]
    [InlineData("fast", 5)]
    [InlineData("fast-meta", 5)]
    public void Images_are_exported_in_the_order_of_their_classes(string method, int batches)
    {
        using var scope = NewDisposeScope();
        _runs.Whole(Recipe(method), "run");
        var images = Distilled("run");
        Assert.Equal([8 * batches, 3, 8, 8], images.shape);
        // Every batch is there, and none like another.
        var means = images.to(ScalarType.Float64).view(batches, -1).mean([1]).data<double>().ToArray();
        Assert.Equal(batches, means.Distinct().Count());
        Assert.All(
            images.to(ScalarType.Float64).view(8 * batches, -1).std(1).data<double>().ToArray(),
            s => Assert.True(s > 0)
        );
    }

    [Theory]
    [MemberData(nameof(Pooled))]
    public void Beyond_its_size_the_pool_forgets_the_oldest(string method)
    {
        using var scope = NewDisposeScope();
        _runs.Whole(Recipe(method), "all");
        _runs.Whole(Recipe(method, "\"poolSize\": 12", epochs: 1), "few");
        _runs.Whole(Recipe(method, epochs: 1), "some");
        Assert.Equal(12, Distilled("few").shape[0]);
        var made = Distilled("some");
        // The student sees other images from the third batch on; those before it are the same.
        var count = made.shape[0];
        if (count == 16)
        {
            Assert.Equal(made[12..16], Distilled("few")[0..4]);
            Assert.Equal(made[4..12], Distilled("few")[4..12]);
        }
        else
            Assert.Equal(24, count);
    }

    [Fact]
    public void The_images_of_the_least_objective_are_kept_as_they_were()
    {
        using var scope = NewDisposeScope();
        // The first update throws the pixels to the ends of their range, where the objective is larger.
        _runs.Whole(Recipe("deep-inversion", "\"learningRate\": 100, \"jitter\": 0, \"variation\": 100"), "run");
        var images = Distilled("run");
        var ends = (images.eq(0) | images.eq(255)).to(ScalarType.Float32).mean().item<float>();
        Assert.InRange(ends, 0, 0.6);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Images_are_made_without_a_pass_of_the_student_that_learns(string method)
    {
        _runs.Whole(Recipe(method), "run");
        using var saved = Checkpoint.Open(Checkpoint.List(_runs.Path("run"))[0].Path);
        using var section = saved.Section("module.role.student");
        var counts = section
            .Entries.Keys.Where(n => n.EndsWith("num_batches_tracked", StringComparison.Ordinal))
            .ToList();
        Assert.NotEmpty(counts);
        Assert.All(counts, n => Assert.Equal(8, BitConverter.ToInt64(section.Bytes(n))));
    }

    [Fact]
    public void The_student_is_looked_at_as_it_is_when_images_are_begun()
    {
        _runs.Whole(Recipe("zskt", epochs: 1), "short");
        _runs.Whole(
            Recipe("zskt", "\"rounds\": 3", epochs: 1).Replace("\"rounds\": 2, ", "").Replace(", \"rounds\": 2", ""),
            "long"
        );
        // In its third round the generator was held against the student of after the second one.
        Assert.Equal(
            State("short", "module.role.student/conv1.weight"),
            State("long", "module.role.critic/conv1.weight")
        );
    }

    [Theory]
    [InlineData("dfq", "\"norms\": 3")]
    [InlineData("dfq", "\"normMomentum\": 0.5")]
    [InlineData("dfq", "\"oneHot\": 0")]
    [InlineData("dfq", "\"adversarial\": 0")]
    [InlineData("dfq", "\"adversary\": \"distance\"")]
    [InlineData("dfq", "\"adversary\": \"jensen-shannon\"")]
    [InlineData("dfq", "\"adversary\": \"decisions\"")]
    [InlineData("dfq", "\"activation\": 2")]
    [InlineData("dfq", "\"balance\": 0")]
    [InlineData("dfq", "\"decimalBalance\": true")]
    [InlineData("dfq", "\"variation\": 1")]
    [InlineData("dfq", "\"variation\": 1, \"variationForm\": \"l2\"")]
    [InlineData("dfq", "\"batchSize\": 6")]
    [InlineData("dfq", "\"steps\": 2")]
    [InlineData("dfq", "\"learningRate\": 0.1")]
    [InlineData("dfq", "\"sameLatent\": true")]
    [InlineData("dfq", "\"clipNorm\": 0.001, \"learningRate\": 10")]
    [InlineData("dafl", "\"joint\": false")]
    [InlineData("fast", "\"latentRate\": 1")]
    [InlineData("fast", "\"globalView\": true")]
    [InlineData("fast-meta", "\"metaUpdate\": \"reptile\"")]
    [InlineData("fast-meta", "\"steps\": 3")]
    [InlineData("fast-meta", "\"resetAt\": -1")]
    [InlineData("cmi", "\"contrast\": 0")]
    [InlineData("cmi", "\"contrastTemperature\": 1")]
    [InlineData("cmi", "\"bankBatch\": 1")]
    [InlineData("deep-inversion", "\"jitter\": 0")]
    [InlineData("deep-inversion", "\"flip\": false")]
    [InlineData("deep-inversion", "\"clip\": false")]
    [InlineData("zskd", "\"impressionTemperature\": 1")]
    [InlineData("zskd", "\"concentration\": 5")]
    [InlineData("zskd", "\"publishedConcentrations\": true")]
    public void Each_option_changes_what_the_student_becomes(string method, string option)
    {
        var name = option.Split('"')[1];
        var more = option.Contains("Form", StringComparison.Ordinal) ? "\"variation\": 1" : "";
        _runs.Whole(Recipe(method, more), "plain");
        var recipe = Recipe(method, option);
        // A length that the method has of its own is said once.
        foreach (var given in (string[])["steps", "resetAt", "bankBatch"])
            if (given == name && Options[method].Contains($"\"{name}\"", StringComparison.Ordinal))
                recipe = System.Text.RegularExpressions.Regex.Replace(
                    recipe,
                    $", \"{name}\": -?\\d+(?=.*\"{name}\")",
                    ""
                );
        _runs.Whole(recipe, "other");
        Assert.NotEqual(Weights("plain"), Weights("other"));
    }

    [Theory]
    [InlineData("dfq")]
    [InlineData("fast-meta")]
    public void Other_losses_take_the_place_of_kd(string method)
    {
        _runs.Whole(Recipe(method, losses: """{ "id": "dkd" }"""), "run");
        Assert.Contains(Events("run"), e => (e["values"] as JsonObject)?["dkd.guided"] is not null);
        _runs.Whole(Recipe(method, losses: """{ "id": "kd" }"""), "kd");
        Assert.NotEqual(Weights("kd"), Weights("run"));
    }

    [Fact]
    public void A_full_bank_is_drawn_from_as_a_full_one()
    {
        // 5 batches of 8 fill 16 rows exactly with the second: the next ones are contrasted with all of them.
        _runs.Whole(Recipe("cmi").Replace("\"bank\": 12", "\"bank\": 16"), "run");
        var values = Events("run")
            .Select(e => (double?)(e["values"] as JsonObject)?["images.contrast"])
            .OfType<double>();
        Assert.NotEmpty(values);
        Assert.All(values, v => Assert.True(double.IsFinite(v) && v > 0));
    }

    private const string NoNorms = """{ "id": "convnet", "options": { "widths": [ 8, 8 ], "norm": "none" } }""";

    [Theory]
    [InlineData("dfq", "", "KDP0306", "batch norms")]
    [InlineData("cmi", "\"norms\": 0", "KDP0306", "batch norms")]
    [InlineData("deep-inversion", "", "KDP0306", "the teacher has none")]
    public void A_teacher_without_batch_norms_is_refused_where_they_count(
        string method,
        string more,
        string code,
        string said
    )
    {
        var failure = Assert.ThrowsAny<Exception>(() => _runs.Whole(Recipe(method, more, teacher: NoNorms), "run"));
        Assert.StartsWith(code, failure.Message);
        Assert.Contains(said, failure.Message);
    }

    [Theory]
    [InlineData("dfq", "\"norms\": 0")]
    [InlineData("cmi", "\"norms\": 0, \"contrast\": 0")]
    [InlineData("zskt", "")]
    [InlineData("zskd", "")]
    public void And_is_taken_where_they_do_not(string method, string more) =>
        _runs.Whole(Recipe(method, more, teacher: NoNorms), "run");

    [Theory]
    [InlineData("zskt", "\"adversarial\": 0", "KDP0306", "nothing to make images by")]
    [InlineData("dfq", "\"contrast\": 1", "KDP0306", "contrast")]
    [InlineData("dfad", "\"warmUp\": 3", "KDP0306", "warm-up")]
    [InlineData("dafl", "\"steps\": 2", "KDP0306", "one backward pass")]
    [InlineData("dafl", "\"adversarial\": 1", "KDP0306", "one backward pass")]
    [InlineData("fast", "\"joint\": true", "KDP0306", "one backward pass")]
    [InlineData("dfq", "\"generator\": \"other\"", "KDP0301", "other")]
    [InlineData("dfq", "\"norms\": -1", "KDP0206", "norms")]
    [InlineData("dfq", "\"norms\": 1e9", "KDP0206", "norms")]
    [InlineData("dfq", "\"normMomentum\": 1", "KDP0206", "normMomentum")]
    [InlineData("dfq", "\"learningRate\": 0", "KDP0206", "learningRate")]
    [InlineData("dfq", "\"batchSize\": 1", "KDP0206", "batchSize")]
    [InlineData("dfq", "\"steps\": 0", "KDP0206", "steps")]
    [InlineData("dfq", "\"adversary\": \"kl\"", "KDP0206", "adversary")]
    [InlineData("gan", "", "KDP0206", "method")]
    [InlineData("dfq", "\"weight\": 1", "KDP0203", "weight")]
    public void What_cannot_work_is_refused(string method, string more, string code, string said)
    {
        var failure = Assert.ThrowsAny<Exception>(() => _runs.Whole(Recipe(method, more), "run"));
        Assert.StartsWith(code, failure.Message);
        Assert.Contains(said, failure.Message);
    }

    [Theory]
    [InlineData("""{ "id": "cross-entropy" }""")]
    public void A_recipe_in_which_no_loss_listens_is_refused(string losses)
    {
        var failure = Assert.ThrowsAny<Exception>(() => _runs.Whole(Recipe("dfq", losses: losses), "run"));
        Assert.StartsWith("KDP0306", failure.Message);
    }

    [Theory]
    [InlineData("dfq", "distil")]
    [InlineData("dafl", "distil")]
    [InlineData("deep-inversion", "synthesise")]
    [InlineData("cmi", "synthesise")]
    [InlineData("fast-meta", "synthesise")]
    [InlineData("fast-meta", "distil")]
    public void Live_tensors_stay_as_many(string method, string stage)
    {
        var counts = new List<(string Stage, long Live)>();
        var recipe = Recipe(method, epochs: 8).Replace("\"warmUp\": 2", "\"warmUp\": 12", StringComparison.Ordinal);
        recipe = recipe.Replace("\"precision\"", "\"evaluation\": { \"everyEpochs\": 0 }, \"precision\"");
        _runs.Observed(
            recipe,
            "run",
            progress =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                counts.Add((progress.Stage, LiveTensors.Count));
            }
        );
        var seen = counts.Where(c => c.Stage == stage).Select(c => c.Live).SkipLast(1).ToList();
        Assert.True(seen.Count >= 11, $"{seen.Count} steps");
        // The same place of a round, late and early: a tensor left by each of them would be more than the noise.
        var (early, late) = (seen.Skip(seen.Count / 2 - 3).Take(6).Min(), seen.TakeLast(6).Min());
        Assert.InRange(late - early, -4, 4);
    }
}
