using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Frskd.Tests;

/// <summary>Whole runs by the engine, alone and together with other parts.</summary>
public sealed class RunTests : IDisposable
{
    private const string CrossEntropy = """{ "id": "cross-entropy" }""";

    private readonly RecipeRun _runs = new(SmallRun.Catalog);

    public void Dispose() => _runs.Dispose();

    private void ResumesExactly(string recipe)
    {
        _runs.Whole(recipe, "whole");
        var (_, sittings) = _runs.Pieces(recipe, "pieces", 2);
        Assert.True(sittings > 2);
        foreach (var role in (string[])["student", "self-teacher"])
            Assert.Equal(Saved("whole", $"role.{role}"), Saved("pieces", $"role.{role}"));
        foreach (var file in (string[])["student.safetensors", "student-last.safetensors"])
            Assert.Equal(_runs.Sha256("whole", file), _runs.Sha256("pieces", file));
    }

    private IReadOnlyDictionary<string, string> Saved(string run, string module)
    {
        using var saved = Checkpoint.Open(Checkpoint.List(_runs.Path(run))[0].Path);
        var section = saved.Section($"module.{module}");
        return section.Entries.Keys.ToDictionary(name => name, name => Convert.ToHexString(section.Bytes(name)));
    }

    [Theory]
    [InlineData("", "attention")]
    [InlineData(", \"widths\": \"constant\", \"channels\": 12, \"silentEpochs\": 1, \"rampEpochs\": 2", "fit")]
    [InlineData(", \"levels\": [ \"layer2\", \"layer3\" ]", "od")]
    public void A_run_in_pieces_ends_where_the_whole_one_does(string options, string form)
    {
        var levels = options.Contains("levels", StringComparison.Ordinal)
            ? """, "levels": [ "layer2", "layer3" ]"""
            : "";
        var features = $$"""{ "id": "frskd-features", "options": { "form": "{{form}}" {{levels}} } }""";
        ResumesExactly(SmallRun.Recipe(options, $"{CrossEntropy}, {features}"));
        Assert.Contains(_runs.Events("whole"), e => e.Contains("\"frskd-features.student.self-teacher\""));
        var adapters = Checkpoint.Open(Checkpoint.List(_runs.Path("whole"))[0].Path);
        using (adapters)
            Assert.Equal(
                form != "attention",
                adapters.Sections.Contains("module.loss..frskd-features.student.self-teacher")
            );
    }

    [Theory]
    [InlineData("""{ "id": "dkd" }""")]
    [InlineData("""{ "id": "at" }""")]
    [InlineData("""{ "id": "rkd" }, { "id": "dist" }""")]
    public void Any_losses_take_the_place_of_the_papers(string losses)
    {
        var report = _runs.Whole(SmallRun.Recipe("", $"{CrossEntropy}, {losses}"), "run");
        Assert.Equal(6, (long)report["steps"]!);
        // The self-teacher learns the labels alone.
        var events = string.Concat(_runs.Events("run"));
        Assert.Contains("\"cross-entropy.self-teacher\"", events);
        var id = (string)JsonNode.Parse($"[{losses}]")![0]!["id"]!;
        Assert.Contains($"\"{id}.student.self-teacher\"", events);
        Assert.DoesNotContain($"\"{id}.self-teacher\"", events);
    }

    [Theory]
    [InlineData("""{ "id": "mixup" }""")]
    [InlineData("""{ "id": "cutmix" }""")]
    public void Mixed_samples_are_refined_and_learnt_as_they_are(string mixing) =>
        ResumesExactly(SmallRun.Recipe(views: """{ "id": "normalise" }, """ + mixing));

    [Theory]
    [InlineData("""{ "id": "wrn", "options": { "depth": 10, "width": 1 } }""", 16)]
    [InlineData("""{ "id": "resnet", "options": { "depth": 10, "width": 4 } }""", 16)]
    [InlineData("""{ "id": "convnet", "options": { "widths": [ 8, 8, 8 ] } }""", 20)]
    public void Any_network_of_stages_will_do(string student, int size) =>
        Assert.Equal(3, (long)_runs.Whole(SmallRun.Recipe(student: student, size: size, epochs: 1), "run")["steps"]!);

    [Fact]
    public void It_runs_in_bf16() =>
        Assert.Equal(3, (long)_runs.Whole(SmallRun.Recipe(epochs: 1, precision: "bf16"), "run")["steps"]!);

    [Fact]
    public void In_silent_epochs_the_self_teacher_learns_and_the_student_is_not_taught()
    {
        _runs.Whole(SmallRun.Recipe(", \"silentEpochs\": 2"), "silent");
        _runs.Whole(SmallRun.Recipe(", \"silentEpochs\": 2", CrossEntropy + """, { "id": "dkd" }"""), "other");
        var events = string.Concat(_runs.Events("silent"));
        Assert.Contains("\"cross-entropy.self-teacher\"", events);
        Assert.DoesNotContain("\"kd.student", events);
        Assert.Equal(Saved("silent", "role.student"), Saved("other", "role.student"));
        Assert.Equal(Saved("silent", "role.self-teacher"), Saved("other", "role.self-teacher"));
    }

    [Fact]
    public void Golden_8_the_student_goes_out_alone()
    {
        var report = _runs.Whole(SmallRun.Recipe(), "run");
        Assert.Equal("student", (string)report["result"]!);
        Assert.NotNull(report["self-teacher"]!["test_accuracy"]);
        using var file = SafeTensorsFile.Open(Path.Combine(_runs.Path("run"), "student-last.safetensors"));
        var made = file.Entries.Keys.ToDictionary(name => name, name => Convert.ToHexString(file.Bytes(name)));
        Assert.Equal(Saved("run", "role.student"), made);
    }

    [Theory]
    [InlineData(", \"levels\": [ \"layer9\", \"layer3\" ]", SmallRun.Losses, "", "KDP0302", "layer9")]
    [InlineData(", \"levels\": [ \"layer3\" ]", SmallRun.Losses, "", "KDP0303", "got 1 of 'student'")]
    [InlineData(", \"levels\": [ \"layer3\", \"pooled\" ]", SmallRun.Losses, "", "KDP0303", "pooled [64]")]
    [InlineData("", CrossEntropy, "", "KDP0306", "no loss of the recipe")]
    [InlineData("", """{ "id": "kd" }""", "", "KDP0306", "none that serve")]
    [InlineData("", SmallRun.Losses, """, "target": "mask" """, "KDP0304", "ClassMap")]
    public void What_cannot_work_is_refused(string options, string losses, string shapes, string code, string said)
    {
        var failure = Assert.ThrowsAny<Exception>(() =>
            _runs.Whole(SmallRun.Recipe(options, losses, shapes: shapes), "run")
        );
        Assert.StartsWith(code, failure.Message);
        Assert.Contains(said, failure.Message);
    }
}

internal static class RunFiles
{
    public static IReadOnlyList<string> Events(this RecipeRun runs, string run) =>
        File.ReadAllLines(Path.Combine(runs.Path(run), "events.jsonl"));
}
