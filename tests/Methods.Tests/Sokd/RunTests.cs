using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;

namespace KdPlugins.Sokd.Tests;

/// <summary>Whole runs by the engine, alone and together with other methods' parts.</summary>
public sealed class RunTests : IDisposable
{
    private const string NoStudent = "\"studentLabels\": 0, \"studentFromBridge\": 0";
    private const string NoBridge = "\"bridgeLabels\": 0, \"bridgeFromTeacher\": 0, \"bridgeFromStudent\": 0";

    private readonly RecipeRun _runs = new(SmallRun.Catalog);

    public void Dispose() => _runs.Dispose();

    private void ResumesExactly(string recipe)
    {
        _runs.Whole(recipe, "whole");
        var (_, sittings) = _runs.Pieces(recipe, "pieces", 2);
        Assert.True(sittings > 2);
        foreach (var role in (string[])["student", "bridge", "teacher"])
            Assert.Equal(_runs.Saved("whole", role), _runs.Saved("pieces", role));
        foreach (var file in (string[])["student.safetensors", "outputs/bridged-teacher/teacher.safetensors"])
            Assert.Equal(_runs.Sha256("whole", file), _runs.Sha256("pieces", file));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\"trunkNorms\": \"moving\", \"bridgeStart\": \"teacher\"")]
    public void A_run_in_pieces_ends_where_the_whole_one_does(string options) =>
        ResumesExactly(SmallRun.Recipe(options));

    [Theory]
    [InlineData("""{ "id": "cross-entropy" }, { "id": "dkd" }""")]
    [InlineData("""{ "id": "cross-entropy" }, { "id": "kd" }, { "id": "at", "options": { "taps": [ "layer3" ] } }""")]
    [InlineData("""{ "id": "kd" }""")]
    public void Any_losses_take_the_place_of_the_papers(string losses)
    {
        var report = _runs.Whole(SmallRun.Recipe(losses: losses), "run");
        Assert.Equal(6, (long)report["steps"]!);
        foreach (var pair in (string[])["bridge.teacher", "bridge.student", "student.bridge"])
            Assert.NotEmpty(Values("run", $"{Ids(losses)[^1]}.{pair}"));
    }

    [Fact]
    public void CutMixPick_in_the_students_view_is_what_all_three_see()
    {
        const string Views = """{ "id": "normalise" }, { "id": "cut-mix-pick" }""";
        ResumesExactly(SmallRun.Recipe(views: Views));
        _runs.Whole(SmallRun.Recipe(views: """{ "id": "normalise" }"""), "plain");
        Assert.NotEqual(_runs.Saved("plain", "bridge"), _runs.Saved("whole", "bridge"));
    }

    [Fact]
    public void It_runs_in_bf16() =>
        Assert.Equal(3, (long)_runs.Whole(SmallRun.Recipe(epochs: 1, precision: "bf16"), "run")["steps"]!);

    [Fact]
    public void Golden_1_the_teacher_stays_as_it_is_bit_for_bit()
    {
        _runs.Whole(SmallRun.Recipe(epochs: 1), "one");
        _runs.Whole(SmallRun.Recipe(epochs: 2), "two");
        Assert.Equal(_runs.Saved("one", "teacher"), _runs.Saved("two", "teacher"));
    }

    [Fact]
    public void Golden_1_with_moving_norms_only_statistics_of_its_trunk_and_tail_move()
    {
        const string Moving = "\"trunkNorms\": \"moving\"";
        _runs.Whole(SmallRun.Recipe(Moving, epochs: 1), "one");
        _runs.Whole(SmallRun.Recipe(Moving, epochs: 2), "two");
        var (one, two) = (_runs.Saved("one", "teacher"), _runs.Saved("two", "teacher"));
        var moved = one.Keys.Where(name => one[name] != two[name]).ToArray();
        Assert.Equal(one.Keys.Where(IsStatistic).Order(), moved.Order());
    }

    private static bool IsStatistic(string name) =>
        name.Contains("running_", StringComparison.Ordinal)
        || name.EndsWith("num_batches_tracked", StringComparison.Ordinal);

    [Theory]
    [InlineData(NoStudent, "student", "bridge")]
    [InlineData(NoBridge, "bridge", "student")]
    public void Golden_2_who_learns_nothing_keeps_every_parameter(string options, string still, string moving)
    {
        _runs.Whole(SmallRun.Recipe(options, epochs: 1), "one");
        _runs.Whole(SmallRun.Recipe(options, epochs: 2), "two");
        IEnumerable<KeyValuePair<string, string>> Parameters(string run, string role) =>
            _runs.Saved(run, role).Where(e => !IsStatistic(e.Key)).OrderBy(e => e.Key);
        Assert.Equal(Parameters("one", still), Parameters("two", still));
        Assert.NotEqual(Parameters("one", moving), Parameters("two", moving));
    }

    // Without norms training mode is evaluation mode.
    [Fact]
    public void Golden_6_a_bridge_that_is_the_teachers_tail_teaches_at_first_what_the_teacher_does()
    {
        const string Plain = """{ "id": "convnet", "options": { "widths": [ 8, 8 ], "norm": "none" } }""";
        string Once(string strategy, string options) =>
            SmallRun.Recipe(options, teacher: Plain, views: "", strategy: strategy, epochs: 1, train: 24);
        _runs.Whole(Once("offline", ""), "offline");
        _runs.Whole(
            Once("sokd", "\"bridgeStart\": \"teacher\", \"bridgeLabels\": 0, \"bridgeFromStudent\": 0"),
            "sokd"
        );
        var expected = Assert.Single(Values("offline", "kd"));
        Assert.True(expected > 0.01);
        Assert.Equal(expected, Assert.Single(Values("sokd", "kd.student.bridge")), 1e-6);
        Assert.Equal(0, Assert.Single(Values("sokd", "kd.bridge.teacher")), 1e-6);
    }

    [Fact]
    public void The_student_goes_out_without_the_bridge_and_the_better_teacher_beside_it()
    {
        var report = _runs.Whole(SmallRun.Recipe(), "run");
        Assert.Equal("student", (string)report["result"]!);
        Assert.NotNull(report["bridge"]!["test_accuracy"]);
        Assert.Equal(
            _runs.Saved("run", "student").Keys.Order(),
            _runs.Weights("run/student-last.safetensors").Keys.Order()
        );
        var (bridge, teacher) = (_runs.Saved("run", "bridge"), _runs.Saved("run", "teacher"));
        var made = _runs.Weights("run/outputs/bridged-teacher/teacher.safetensors");
        Assert.Equal(teacher.Keys.Order(), made.Keys.Order());
        foreach (var (name, value) in made)
            Assert.Equal(bridge.TryGetValue(name, out var own) ? own : teacher[name], value);
    }

    [Theory]
    [InlineData("\"cut\": \"layer9\"", SmallRun.Teacher, SmallRun.Losses, "KDP0302", "stem, layer1, layer2")]
    [InlineData("", """{ "id": "uncut" }""", SmallRun.Losses, "KDP0306", "cannot be cut")]
    [InlineData("", SmallRun.Teacher, """{ "id": "cross-entropy" }""", "KDP0306", "no loss of the recipe")]
    [InlineData("\"student\": \"teacher\"", SmallRun.Teacher, SmallRun.Losses, "KDP0331", "teacher")]
    public void What_cannot_work_is_refused(string options, string teacher, string losses, string code, string said)
    {
        var failure = Assert.ThrowsAny<Exception>(() => _runs.Whole(SmallRun.Recipe(options, losses, teacher), "run"));
        Assert.StartsWith(code, failure.Message);
        Assert.Contains(said, failure.Message);
    }

    [Theory]
    [InlineData("cifar-resnet", """ "depth": 8 """, "layer1")]
    [InlineData("vgg", "", "")]
    [InlineData("resnet", """ "depth": 10, "width": 4 """, "layer3")]
    public void Any_network_of_stages_can_be_cut_anywhere(string teacher, string form, string cut)
    {
        var model = $$"""{ "id": "{{teacher}}", "options": { {{form}} } }""";
        var recipe = SmallRun
            .Recipe($"\"cut\": \"{cut}\"", teacher: model, epochs: 1)
            .Replace("\"size\": 8", "\"size\": 16");
        Assert.Equal(3, (long)_runs.Whole(recipe, "run")["steps"]!);
    }

    private static string[] Ids(string losses) =>
        [.. JsonNode.Parse($"[{losses}]")!.AsArray().Select(l => (string)l!["id"]!)];

    private List<double> Values(string run, string name) =>
        [
            .. File.ReadLines(Path.Combine(_runs.Path(run), "events.jsonl"))
                .Select(line => JsonNode.Parse(line)!)
                .Select(e => (e["values"] as JsonObject)?[name])
                .OfType<JsonNode>()
                .Select(v => (double)v),
        ];
}
