using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Losses;
using KdPlugins.Strategies;
using KdPlugins.Testing;
using KdPlugins.Text;

namespace KdPlugins.SpeculativeKd.Tests;

/// <summary>Whole runs by the engine.</summary>
public sealed class RunTests : IDisposable
{
    private static readonly TestCatalog Catalog = TestCatalog.Of(
        typeof(SpeculativeKdStrategy).Assembly,
        typeof(Gpt2Plugin).Assembly,
        typeof(KdLoss).Assembly,
        typeof(OfflineStrategy).Assembly,
        typeof(Datasets.ShapesPlugin).Assembly,
        typeof(Models.CifarResNetPlugin).Assembly,
        typeof(Meters.TokensMeter).Assembly
    );

    private const string Divergence = """{ "id": "token-divergence" }""";
    private const string File = "student-last.safetensors";

    private readonly RecipeRun _runs = new(Catalog);

    public void Dispose() => _runs.Dispose();

    private static string Net(int layers, string more = "") =>
        $$"""{ "id": "gpt2", "options": { "layers": {{layers}}, "heads": 2, "width": 8, "positions": 12 {{more}} } }""";

    // Three batches an epoch.
    private static string Recipe(
        string options = "",
        string losses = Divergence,
        int epochs = 2,
        string more = "",
        string strategy = "speculative-kd",
        string? teacher = null,
        string student = "",
        string dataset = """{ "id": "addition", "options": { "train": 24, "test": 8 } }"""
    ) =>
        $$"""
            { "name": "small", {{more}} "dataset": {{dataset}}, "validation": { "count": 4 },
              "models": { "teacher": {{teacher ?? Net(2)}}, "student": {{Net(1, student)}} },
              "losses": [ {{losses}} ], "strategy": { "id": "{{strategy}}", "options": { {{options}} } },
              "training": { "epochs": {{epochs}}, "batchSize": 8, "optimiser": { "name": "adamw", "learningRate": 0.01 } } }
            """;

    private static string Options(string mode, string more = "") =>
        $"\"mode\": \"{mode}\", \"k\": 4, \"draft\": 3, \"maxNewTokens\": 4, \"studentTemperature\": 1, \"studentTopP\": 1 {more}";

    private List<double> Values(string run, string name) =>
        [
            .. System
                .IO.File.ReadLines(Path.Combine(_runs.Path(run), "events.jsonl"))
                .Select(l => JsonNode.Parse(l)!["values"] as JsonObject)
                .Where(v => v?[name] is not null)
                .Select(v => (double)v![name]!),
        ];

    [Theory]
    [InlineData("speculative", true, true)]
    [InlineData("supervised", false, false)]
    [InlineData("on-policy", true, false)]
    [InlineData("mixed", true, false)]
    [InlineData("mixed-train", true, false)]
    [InlineData("mixed-skd", true, true)]
    public void Each_mode_writes_what_it_says(string mode, bool writes, bool corrects)
    {
        _runs.Whole(Recipe(Options(mode)), "run");
        Assert.Equal(writes, Values("run", "generated-tokens").Count > 0);
        Assert.Equal(corrects, Values("run", "correction-rate").Count > 0);
        if (mode is "mixed" or "mixed-skd")
            Assert.All(Values("run", "generated-tokens"), n => Assert.InRange(n, 1, 7 * 4));
        var file = Path.Combine(_runs.Path("run"), "vocabulary.json");
        Assert.Equal("$", (string)JsonNode.Parse(System.IO.File.ReadAllText(file))![12]!);
    }

    [Fact]
    public void Sequence_level_training_needs_no_teachers_loss_and_takes_the_datas_answers()
    {
        const string both = """{ "id": "cross-entropy" }, { "id": "token-divergence" }""";
        _runs.Whole(Recipe(Options("seq-kd"), both), "both");
        _runs.Whole(Recipe(Options("seq-kd"), """{ "id": "cross-entropy" }"""), "alone");
        _runs.Whole(Recipe("", """{ "id": "cross-entropy" }""", strategy: "supervised"), "supervised");
        Assert.Equal(_runs.Sha256("supervised", File), _runs.Sha256("both", File));
        Assert.Equal(_runs.Sha256("supervised", File), _runs.Sha256("alone", File));
    }

    [Fact]
    public void Of_written_texts_no_loss_is_taken_that_needs_no_teacher()
    {
        _runs.Whole(Recipe(Options("speculative"), Divergence), "alone");
        _runs.Whole(Recipe(Options("speculative"), $$"""{ "id": "cross-entropy" }, {{Divergence}}"""), "both");
        Assert.Equal(_runs.Sha256("alone", File), _runs.Sha256("both", File));
        Assert.Empty(Values("both", "cross-entropy"));
    }

    [Theory]
    [InlineData("speculative", "float32", "")]
    [InlineData("speculative", "bf16", ", \"accept\": \"below-mass\", \"mass\": 0.5")]
    [InlineData("mixed-skd", "float32", ", \"tested\": \"second-draw\", \"ranked\": \"warped\", \"expectedLength\": 2")]
    [InlineData("mixed", "float32", "")]
    [InlineData("mixed-train", "float32", "")]
    public void A_run_in_pieces_ends_where_the_whole_one_does(string mode, string precision, string more)
    {
        var recipe = Recipe(
            Options(mode, more),
            more: $"\"precision\": \"{precision}\",",
            student: ", \"dropout\": 0.2"
        );
        _runs.Whole(recipe, "whole");
        var (_, sittings) = _runs.Pieces(recipe, "pieces", 2);
        Assert.True(sittings > 2);
        Assert.Equal(_runs.Sha256("whole", File), _runs.Sha256("pieces", File));
    }

    [Theory]
    [InlineData("\"studentTemperature\": 3")]
    [InlineData("\"studentTopP\": 0.3")]
    [InlineData("\"teacherTemperature\": 100")]
    [InlineData("\"teacherTopP\": 1")]
    [InlineData("\"k\": 1")]
    [InlineData("\"maxNewTokens\": 2")]
    [InlineData("\"accept\": \"below-mass\", \"mass\": 0.3")]
    [InlineData("\"tested\": \"second-draw\"")]
    [InlineData("\"mode\": \"on-policy\"")]
    public void Each_option_changes_what_the_student_becomes(string option)
    {
        const string options = "\"k\": 4, \"draft\": 3, \"maxNewTokens\": 4";
        _runs.Whole(Recipe(options), "plain");
        var changed = option.Contains("\"k\"") ? options.Replace("\"k\": 4", "\"k\": 1") : options;
        changed = option.Contains("max") ? changed.Replace("\"maxNewTokens\": 4", "\"maxNewTokens\": 2") : changed;
        _runs.Whole(Recipe(changed == options ? $"{options}, {option}" : changed), "other");
        Assert.NotEqual(_runs.Sha256("plain", File), _runs.Sha256("other", File));
    }

    [Fact]
    public void The_length_of_a_draft_changes_the_work_and_not_the_texts()
    {
        _runs.Whole(Recipe(Options("speculative")), "three");
        _runs.Whole(Recipe(Options("speculative").Replace("\"draft\": 3", "\"draft\": 1")), "one");
        Assert.Equal(Values("three", "corrections"), Values("one", "corrections"));
    }

    [Fact]
    public void Golden_6_who_equals_the_teacher_has_nothing_to_learn()
    {
        _runs.Whole(Recipe(epochs: 1), "first");
        var weights = Path.Combine(_runs.Path("first"), File).Replace('\\', '/');
        var same = Net(1)[..^1] + $$""", "weights": "{{weights}}" }""";
        var recipe = JsonNode.Parse(Recipe(Options("speculative"), epochs: 1))!;
        recipe["models"]!["teacher"] = JsonNode.Parse(same);
        recipe["models"]!["student"] = JsonNode.Parse(same);
        recipe["training"]!["optimiser"] = JsonNode.Parse("""{ "name": "sgd", "learningRate": 1 }""");
        _runs.Whole(recipe.ToJsonString(), "second");
        Assert.All(Values("second", "token-divergence.guided"), v => Assert.InRange(Math.Abs(v), 0, 1e-6));
    }

    [Fact]
    public void Golden_8_other_vocabularies_are_refused()
    {
        var failure = Assert.ThrowsAny<Exception>(() =>
            _runs.Whole(Recipe(Options("supervised"), teacher: Net(2, ", \"vocabulary\": 20")), "run")
        );
        Assert.StartsWith("KDP0303", failure.Message);
        Assert.Contains("20", failure.Message);
    }

    [Fact]
    public void Pictures_are_refused()
    {
        const string images = """{ "id": "cifar-resnet", "options": { "depth": 8 } }""";
        var recipe = JsonNode.Parse(Recipe(dataset: """{ "id": "shapes", "options": { "train": 24, "test": 8 } }"""))!;
        recipe["models"] = JsonNode.Parse($$"""{ "teacher": {{images}}, "student": {{images}} }""");
        recipe["losses"] = JsonNode.Parse("""[ { "id": "kd" } ]""");
        var failure = Assert.ThrowsAny<Exception>(() => _runs.Whole(recipe.ToJsonString(), "run"));
        Assert.StartsWith("KDP0304", failure.Message);
        Assert.Contains("prompts with their answers", failure.Message);
    }

    [Theory]
    [InlineData("", """{ "id": "cross-entropy" }""", "KDP0306", "token-divergence")]
    [InlineData("\"k\": -1", Divergence, "KDP0206", "k")]
    [InlineData("\"draft\": 0", Divergence, "KDP0206", "draft")]
    [InlineData("\"mode\": \"both\"", Divergence, "KDP0206", "mode")]
    [InlineData("\"studentTopP\": 0", Divergence, "KDP0206", "studentTopP")]
    public void What_cannot_work_is_refused(string options, string losses, string code, string said)
    {
        var failure = Assert.ThrowsAny<Exception>(() => _runs.Whole(Recipe(options, losses), "run"));
        Assert.StartsWith(code, failure.Message);
        Assert.Contains(said, failure.Message);
    }
}
