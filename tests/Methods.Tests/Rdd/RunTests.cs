using System.Text.Json.Nodes;
using KdPlugins.Testing;

namespace KdPlugins.Rdd.Tests;

/// <summary>Whole runs by the engine, alone and together with other losses.</summary>
public sealed class RunTests : IDisposable
{
    private readonly RecipeRun _runs = new(SmallRun.Catalog);

    public void Dispose() => _runs.Dispose();

    // Sittings of one step: each of the six is resumed, three in either phase.
    [Theory]
    [InlineData("\"warmUp\": 0.5")]
    [InlineData("\"warmUp\": 0.34, \"switch\": \"soft\", \"mean\": \"valid\"")]
    public void A_run_in_pieces_ends_where_the_whole_one_does(string options)
    {
        _runs.Whole(SmallRun.Recipe(options), "whole");
        var (_, sittings) = _runs.Pieces(SmallRun.Recipe(options), "pieces", 1);
        Assert.True(sittings >= 6);
        Assert.Equal(_runs.Sha256("whole", "student.safetensors"), _runs.Sha256("pieces", "student.safetensors"));
    }

    // Means of three steps each: iterations are counted from 1, the second phase begins with number 3 of 6.
    [Theory]
    [InlineData("\"warmUp\": 0.5", "0.67 0")]
    [InlineData("\"warmUp\": 0", "0 0")]
    [InlineData("\"warmUp\": 1", "1 1")]
    [InlineData("\"warmUp\": 0.34, \"switch\": \"soft\"", "0.92 0.25")]
    public void The_phases_come_in_their_turn(string options, string shares)
    {
        _runs.Whole(SmallRun.Recipe(options), "run");
        Assert.Equal(shares, string.Join(' ', Values("run", "rdd.first-phase").Select(v => $"{v:0.##}")));
    }

    [Fact]
    public void What_is_reported_adds_up()
    {
        _runs.Whole(SmallRun.Recipe("\"warmUp\": 0.5, \"guidance\": 2"), "run");
        var (task, kd, all) = (Values("run", "rdd.task"), Values("run", "kd.guided"), Values("run", "loss"));
        Assert.Equal(2, task.Count);
        Assert.All(Values("run", "rdd.weight"), w => Assert.InRange(w, 0.01, 1));
        Assert.All(Values("run", "rdd.selected"), s => Assert.InRange(s, 0, 1));
        for (var i = 0; i < 2; i++)
            Assert.Equal(all[i], task[i] + 2 * kd[i], 1e-4);
    }

    [Theory]
    [InlineData("")]
    [InlineData($$"""{{SmallRun.Kd}}, { "id": "at", "options": { "taps": [ "layer1", "layer2" ] } }""")]
    [InlineData($$"""{{SmallRun.Kd}}, { "id": "sp", "options": { "taps": [ "layer2" ] } }""")]
    [InlineData($$"""{ "id": "cross-entropy" }, {{SmallRun.Kd}}""")]
    [InlineData("""{ "id": "dist" }""")]
    public void Any_losses_come_on_top(string losses)
    {
        if (losses.Contains("dist"))
        {
            var failure = Assert.ThrowsAny<Exception>(() => _runs.Whole(SmallRun.Recipe(losses: losses), "run"));
            Assert.StartsWith("KDP0303", failure.Message);
            return;
        }
        Assert.Equal(6, (long)_runs.Whole(SmallRun.Recipe(losses: losses), "run")["steps"]!);
        Assert.Empty(Values("run", "cross-entropy"));
    }

    [Fact]
    public void It_runs_in_bf16() =>
        Assert.Equal(6, (long)_runs.Whole(SmallRun.Recipe(precision: "bf16"), "run")["steps"]!);

    [Fact]
    public void A_student_without_an_auxiliary_head_learns_by_its_main_one()
    {
        const string Plain = """{ "id": "unet", "options": { "widths": [ 4, 6 ], "aux": false } }""";
        Assert.Equal(6, (long)_runs.Whole(SmallRun.Recipe(student: Plain), "run")["steps"]!);
    }

    // Crops train, evaluations see whole images.
    [Fact]
    public void Crops_may_be_smaller_than_the_images()
    {
        const string Crops = """{ "id": "random-scale-crop", "options": { "size": 8 } }, { "id": "normalise" }""";
        var report = _runs.Whole(SmallRun.Recipe(views: Crops, size: 16), "run");
        Assert.True(double.IsFinite((double)report["student"]!["test_miou"]!["last"]!));
    }

    [Fact]
    public void Its_losses_are_losses_for_any_strategy()
    {
        const string Losses = $$"""
            {{SmallRun.Kd}}, { "id": "rdd-tfe" }, { "id": "rdd-tse", "weight": 0.5 }
            """;
        _runs.Whole(SmallRun.Recipe("", Losses, strategy: "offline"), "run");
        Assert.Equal(2, Values("run", "rdd-tse.selected").Count);
        Assert.Equal(2, Values("run", "rdd-tfe.weight").Count);
    }

    [Theory]
    [InlineData("deeplab-v3", "deeplab-v3")]
    [InlineData("pspnet", "deeplab-v3")]
    [InlineData("deeplab-v3", "mobile")]
    public void Networks_that_answer_at_a_stride_of_their_own_are_enlarged(string teacher, string student)
    {
        static string Of(string id) =>
            id == "mobile"
                ? """{ "id": "deeplab-v3", "options": { "backbone": "mobilenet-v2", "width": 0.1 } }"""
                : $$"""{ "id": "{{id}}", "options": { "backbone": "resnet10", "width": 0.1 } }""";
        var recipe = SmallRun.Recipe(teacher: Of(teacher), student: Of(student), size: 48, epochs: 1);
        var report = _runs.Whole(recipe, "run", 2);
        Assert.True(double.IsFinite((double)report["student"]!["test_miou"]!["last"]!));
    }

    [Theory]
    [InlineData("", "class", SmallRun.Teacher, "KDP0304", "ClassIndex")]
    [InlineData("", "mask", """{ "id": "unet", "options": { "aux": false } }""", "KDP0302", "'aux'")]
    [InlineData("\"classWeights\": [ 1, 2 ]", "mask", SmallRun.Teacher, "KDP0303", "2 class weights")]
    [InlineData("\"student\": \"teacher\"", "mask", SmallRun.Teacher, "KDP0331", "teacher")]
    [InlineData("\"threshold\": 2", "mask", SmallRun.Teacher, "KDP0206", "threshold")]
    [InlineData("\"classWeights\": [ 1, 2, -1, 3 ]", "mask", SmallRun.Teacher, "KDP0206", "classWeights")]
    [InlineData("\"classWeights\": [ 0, 0, 0, 0 ]", "mask", SmallRun.Teacher, "KDP0206", "classWeights")]
    public void What_cannot_work_is_refused(string options, string target, string teacher, string code, string said)
    {
        var recipe = SmallRun.Recipe(options, target: target, teacher: teacher);
        var failure = Assert.ThrowsAny<Exception>(() => _runs.Whole(recipe, "run"));
        Assert.StartsWith(code, failure.Message);
        Assert.Contains(said, failure.Message);
    }

    private List<double> Values(string run, string name) =>
        [
            .. File.ReadLines(Path.Combine(_runs.Path(run), "events.jsonl"))
                .Select(line => JsonNode.Parse(line)!)
                .Select(e => (e["values"] as JsonObject)?[name])
                .OfType<JsonNode>()
                .Select(v => (double)v),
        ];
}
