using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Losses;
using KdPlugins.Models;
using KdPlugins.Strategies;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.BackwardPass.Tests;

/// <summary>Whole runs by the engine.</summary>
public sealed class RunTests : IDisposable
{
    private static readonly TestCatalog Catalog = TestCatalog.Of(
        typeof(BackwardPassStrategy).Assembly,
        typeof(NormaliseAugmentation).Assembly,
        typeof(KdLoss).Assembly,
        typeof(CifarResNetPlugin).Assembly,
        typeof(OfflineStrategy).Assembly,
        typeof(ShapesPlugin).Assembly,
        typeof(Meters.ClassificationMeter).Assembly
    );

    private const string Kd = """{ "id": "cross-entropy" }, { "id": "kd" }""";
    private const string EveryEpoch = "\"epochsPerRound\": 1, \"steps\": 2";

    private readonly RecipeRun _runs = new(Catalog);

    public void Dispose() => _runs.Dispose();

    // Three batches an epoch of 40 samples.
    private static string Recipe(
        string options = EveryEpoch,
        string losses = Kd,
        int epochs = 3,
        string more = "",
        string strategy = "backward-pass-kd",
        string dataset = """{ "id": "shapes", "options": { "size": 8, "classes": 4, "train": 48, "test": 16 } }"""
    ) =>
        $$"""
            { "name": "small", {{more}} "dataset": {{dataset}}, "validation": { "count": 8 },
              "models": { "teacher": { "id": "convnet", "options": { "widths": [ 8, 8 ] } },
                          "student": { "id": "convnet", "options": { "widths": [ 4, 4 ] } } },
              "augmentations": { "shared": [ { "id": "horizontal-flip" }, { "id": "normalise" } ] },
              "losses": [ {{losses}} ], "strategy": { "id": "{{strategy}}", "options": { {{options}} } },
              "training": { "epochs": {{epochs}}, "batchSize": 16, "schedule": { "name": "cosine" } } }
            """;

    private List<JsonNode> Events(string run) =>
        [.. File.ReadLines(Path.Combine(_runs.Path(run), "events.jsonl")).Select(l => JsonNode.Parse(l)!)];

    private List<(string Stage, double Value)> Values(string run, string name) =>
        [
            .. Events(run)
                .Where(e => (e["values"] as JsonObject)?[name] is not null)
                .Select(e => ((string)e["stage"]!, (double)e["values"]![name]!)),
        ];

    private Tensor Auxiliary(string run)
    {
        using var saved = Checkpoint.Open(Checkpoint.List(_runs.Path(run))[0].Path);
        using var section = saved.Section("state");
        var (name, entry) = section.Entries.Single(e => e.Key.Contains("auxiliary", StringComparison.Ordinal));
        float[] values = [.. MemoryMarshal.Cast<byte, Half>(section.Bytes(name)).ToArray().Select(h => (float)h)];
        return tensor(values).view([.. entry.Shape]);
    }

    [Fact]
    public void Searches_stand_between_rounds_and_the_last_epochs_are_on_the_data_alone()
    {
        _runs.Whole(Recipe("\"epochsPerRound\": 2, \"finalEpochs\": 1, \"steps\": 1", epochs: 6), "run");
        var stages = Events("run").Select(e => (string?)e["stage"]).OfType<string>().Distinct();
        Assert.Equal(["minimise-0", "maximise-1", "minimise-1", "maximise-2", "minimise-2", "finish"], stages);
    }

    [Fact]
    public void The_learning_rate_goes_through_the_rounds_as_through_one_stage()
    {
        _runs.Whole(Recipe(epochs: 4), "rounds");
        _runs.Whole(Recipe("", strategy: "offline", epochs: 4), "whole");
        var whole = Values("whole", "lr.student").Select(v => v.Value).ToList();
        Assert.Equal(4, whole.Distinct().Count());
        Assert.Equal(whole, Values("rounds", "lr.student").Select(v => v.Value));
    }

    [Theory]
    [InlineData("\"step\": \"l2\", \"stepSize\": 0.02")]
    [InlineData("\"step\": \"sign\"")]
    [InlineData("\"step\": \"raw\", \"stepSize\": 0.1")]
    public void Where_samples_are_moved_to_the_gap_is_larger(string options)
    {
        _runs.Whole(Recipe($"{EveryEpoch}, {options}"), "run");
        var (before, after) = (Values("run", "gap"), Values("run", "auxiliary-gap"));
        Assert.Equal(["maximise-1", "maximise-2"], before.Select(v => v.Stage).Distinct());
        Assert.All(before.Zip(after), p => Assert.True(p.Second.Value > p.First.Value * 1.01));
    }

    [Fact]
    public void A_step_of_sign_moves_pixels_by_what_it_says_and_none_out_of_the_range()
    {
        using var scope = NewDisposeScope();
        _runs.Whole(Recipe("\"epochsPerRound\": 2, \"steps\": 1, \"step\": \"sign\", \"stepSize\": 0.25"), "run");
        var x = Auxiliary("run");
        Assert.Equal([40, 3, 8, 8], x.shape);
        Assert.InRange(x.min().item<float>(), 0, 1);
        Assert.InRange(x.max().item<float>(), 0, 1);
        // Shapes are of 256 levels; a quarter further there are others, save at the edges of the range.
        var levels = x * 255;
        Assert.True((levels - levels.round()).abs().max().item<float>() > 0.1f);
    }

    [Fact]
    public void A_part_of_the_data_is_moved_where_that_is_asked_for()
    {
        using var scope = NewDisposeScope();
        _runs.Whole(Recipe($"{EveryEpoch}, \"share\": 0.5"), "run");
        Assert.Equal(20, Auxiliary("run").shape[0]);
    }

    [Theory]
    [InlineData(EveryEpoch, "float32")]
    [InlineData($"{EveryEpoch}, \"search\": \"noise\", \"share\": 0.4, \"auxiliaryLoss\": \"gap\"", "float32")]
    [InlineData($"{EveryEpoch}, \"search\": \"labels\", \"step\": \"sign\", \"finalEpochs\": 1", "bf16")]
    public void A_run_in_pieces_ends_where_the_whole_one_does(string options, string precision)
    {
        var recipe = Recipe(options, more: $"\"precision\": \"{precision}\",");
        _runs.Whole(recipe, "whole");
        var (_, sittings) = _runs.Pieces(recipe, "pieces", 2);
        Assert.True(sittings > 2);
        foreach (var file in (string[])["student-last.safetensors", "teacher-last.safetensors"])
            Assert.Equal(_runs.Sha256("whole", file), _runs.Sha256("pieces", file));
        using var scope = NewDisposeScope();
        Assert.Equal(Auxiliary("whole"), Auxiliary("pieces"));
    }

    [Fact]
    public void Golden_7_the_teacher_stays_as_it_is()
    {
        _runs.Whole(Recipe(), "run");
        _runs.Whole(Recipe("", strategy: "offline", epochs: 1), "offline");
        Dictionary<string, string> Teacher(string run)
        {
            using var saved = Checkpoint.Open(Checkpoint.List(_runs.Path(run))[0].Path);
            using var section = saved.Section("module.role.teacher");
            return section.Entries.Keys.ToDictionary(n => n, n => Convert.ToHexString(section.Bytes(n)));
        }
        Assert.Equal(Teacher("offline"), Teacher("run"));
    }

    [Theory]
    [InlineData("\"search\": \"noise\"")]
    [InlineData("\"search\": \"labels\"")]
    [InlineData("\"auxiliaryLoss\": \"gap\"")]
    [InlineData("\"auxiliaryWeight\": 0.5")]
    [InlineData("\"auxiliaryWeight\": 0")]
    public void Each_option_changes_what_the_student_becomes(string option)
    {
        _runs.Whole(Recipe(), "plain");
        _runs.Whole(Recipe($"{EveryEpoch}, {option}"), "other");
        Assert.False(Weights("plain").SequenceEqual(Weights("other")));
    }

    // The values alone: what stands before them names the recipe, which is another one.
    private byte[] Weights(string run)
    {
        var bytes = File.ReadAllBytes(Path.Combine(_runs.Path(run), "student-last.safetensors"));
        return bytes[(8 + (int)BitConverter.ToInt64(bytes))..];
    }

    [Fact]
    public void Other_losses_take_the_place_of_kd()
    {
        _runs.Whole(Recipe(losses: """{ "id": "cross-entropy" }, { "id": "dkd" }"""), "run");
        Assert.Equal(["minimise-1", "minimise-2"], Values("run", "dkd.guided").Select(v => v.Stage).Distinct());
    }

    [Theory]
    [InlineData("\"epochsPerRound\": 3", Kd, "KDP0306", "none is left after the first 3")]
    [InlineData("\"epochsPerRound\": 1, \"finalEpochs\": 2", Kd, "KDP0306", "before the last 2")]
    [InlineData(EveryEpoch, """{ "id": "cross-entropy" }""", "KDP0306", "teacher")]
    [InlineData("\"share\": 0", Kd, "KDP0206", "share")]
    [InlineData("\"stepSize\": 0", Kd, "KDP0206", "stepSize")]
    [InlineData("\"step\": \"up\"", Kd, "KDP0206", "step")]
    public void What_cannot_work_is_refused(string options, string losses, string code, string said)
    {
        var failure = Assert.ThrowsAny<Exception>(() => _runs.Whole(Recipe(options, losses), "run"));
        Assert.StartsWith(code, failure.Message);
        Assert.Contains(said, failure.Message);
    }
}
