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
        Assert.Equal(Values("supervised", "loss"), Values("both", "loss"));
        Assert.Equal(Values("supervised", "loss"), Values("alone", "loss"));
    }

    [Fact]
    public void Coins_that_fall_one_way_make_the_modes_that_are_mixed()
    {
        List<double> Losses(string mode, double ratio)
        {
            var name = $"{mode}-{ratio}";
            _runs.Whole(Recipe(Options(mode, FormattableString.Invariant($", \"ratio\": {ratio}"))), name);
            return Values(name, "loss");
        }
        Assert.Equal(Losses("supervised", 0.5), Losses("mixed", 0));
        var own = Losses("on-policy", 0.5);
        Assert.Equal(own, Losses("mixed", 1));
        Assert.Equal(Losses("speculative", 0.5), Losses("mixed-skd", 1));
        Assert.Equal(own, Losses("mixed-train", 0));
    }

    [Fact]
    public void Of_written_texts_no_loss_is_taken_that_needs_no_teacher()
    {
        _runs.Whole(Recipe(Options("speculative"), Divergence), "alone");
        _runs.Whole(Recipe(Options("speculative"), $$"""{ "id": "cross-entropy" }, {{Divergence}}"""), "both");
        Assert.Equal(Values("alone", "loss"), Values("both", "loss"));
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
            epochs: 3,
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
        Assert.NotEqual(Values("plain", "loss"), Values("other", "loss"));
    }

    [Fact]
    public void The_length_of_a_draft_changes_the_work_and_not_the_texts()
    {
        _runs.Whole(Recipe(Options("speculative")), "three");
        _runs.Whole(Recipe(Options("speculative").Replace("\"draft\": 3", "\"draft\": 1")), "one");
        Assert.Equal(Values("three", "corrections"), Values("one", "corrections"));
    }

    [Fact]
    public void Who_writes_drops_nothing()
    {
        // Hardly anything is learnt, so that both write with the same weights.
        string Still(string student) =>
            Recipe(Options("speculative"), student: student)
                .Replace("\"learningRate\": 0.01", "\"learningRate\": 1e-12");
        _runs.Whole(Still(""), "plain");
        _runs.Whole(Still(", \"dropout\": 0.5"), "dropping");
        Assert.Equal(Values("plain", "corrections"), Values("dropping", "corrections"));
        Assert.NotEqual(Values("plain", "loss"), Values("dropping", "loss"));
    }

    [Fact]
    public void An_update_of_several_batches_writes_texts_to_each()
    {
        var one = Recipe(Options("speculative"), epochs: 1).Replace("\"batchSize\": 8", "\"batchSize\": 4");
        _runs.Whole(one, "one");
        _runs.Whole(one.Replace("\"batchSize\": 4", "\"batchSize\": 4, \"accumulate\": 2"), "two");
        Assert.NotEqual(Values("one", "loss"), Values("two", "loss"));
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

    private string With(string teacher, string student)
    {
        var recipe = JsonNode.Parse(Recipe())!;
        foreach (var (role, file) in new[] { ("teacher", teacher), ("student", student) })
        {
            recipe["models"]![role] = JsonNode.Parse(Net(1));
            recipe["models"]![role]!["weights"] = Path.Combine(_runs.Path(file), File);
        }
        return recipe.ToJsonString();
    }

    [Fact]
    public void Texts_are_judged_by_what_they_cost_the_teacher()
    {
        var supervised = Recipe("", """{ "id": "cross-entropy" }""", epochs: 1, strategy: "supervised");
        _runs.Whole(supervised, "one");
        _runs.Whole(supervised.Replace("\"epochs\": 1", "\"epochs\": 40"), "forty");
        JsonObject Judged(string teacher, string student) =>
            _runs
                .Tools(With(teacher, student))
                .Run("judge-texts", """{ "prompts": 8, "newTokens": 4, "show": 2 }""")
                .Values;
        double Value(JsonObject judged, string name) => (double)judged[name]!;
        var (same, other) = (Judged("forty", "forty"), Judged("forty", "one"));
        Assert.Equal(0, Value(same, "greedy-divergence"), 1e-9);
        Assert.Equal(0, Value(same, "free-divergence"), 1e-9);
        Assert.InRange(Value(other, "greedy-divergence"), 0.01, 100);
        // What the teacher itself finds likeliest costs it least.
        Assert.True(Value(same, "greedy-teacher-nats") < Value(same, "free-teacher-nats"));
        Assert.True(Value(same, "free-teacher-nats") < Value(other, "free-teacher-nats"));
        Assert.Equal(2, ((JsonArray)same["texts"]!).Count);
        Assert.Contains("=", (string)same["texts"]![0]!);
        Assert.InRange(Value(same, "free-tokens"), 8, 32);
    }

    [Theory]
    [InlineData("supervised", Divergence, "20")]
    [InlineData("seq-kd", """{ "id": "cross-entropy" }""", "a token that one proposes")]
    public void Golden_8_other_vocabularies_are_refused(string mode, string losses, string said)
    {
        var recipe = Recipe(Options(mode), losses, teacher: Net(2, ", \"vocabulary\": 20"));
        var failure = Assert.ThrowsAny<Exception>(() => _runs.Whole(recipe, "run"));
        Assert.StartsWith("KDP0303", failure.Message);
        Assert.Contains(said, failure.Message);
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
