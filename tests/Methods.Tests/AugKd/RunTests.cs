using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using static TorchSharp.torch;

namespace KdPlugins.AugKd.Tests;

/// <summary>Whole runs: resume, the data it never reads, what it composes with, what it leaves behind.</summary>
public sealed class RunTests : IDisposable
{
    private const string Published = """
        , "selfTarget": true, "rawRealHalf": true, "publishedSchedules": true, "maskPenalty": "batch-sum",
        "schedule": "step", "uncertainty": "max-softmax", "anchorReduction": "mean"
        """;

    private readonly RecipeRun _runs = new(SmallRun.Catalog);

    public RunTests() => GuardedShapes.Current = new();

    public void Dispose() => _runs.Dispose();

    [Theory]
    [InlineData("", 1)]
    [InlineData(Published, 3)]
    [InlineData(""", "sampleLatent": false, "anchors": false, "b": 0""", 3)]
    public void A_run_in_pieces_ends_where_the_whole_one_does(string options, int steps)
    {
        var recipe = SmallRun.Recipe(options);
        var whole = _runs.Whole(recipe, "whole");
        var (pieces, sittings) = _runs.Pieces(recipe, "pieces", steps);
        Assert.True(sittings > 3);
        Assert.Equal((long)whole["steps"]!, (long)pieces["steps"]!);
        Assert.Equal(
            _runs.Sha256("whole", "student-last.safetensors"),
            _runs.Sha256("pieces", "student-last.safetensors")
        );
        Assert.Equal((string)whole["student"]!["sha256"]!, (string)pieces["student"]!["sha256"]!);
    }

    // Beside its mask, which a penalty moves by itself: the body learns by what the teacher says of the anchors' images alone.
    [Fact]
    public void The_anchors_body_learns_from_the_images_that_are_made_of_it()
    {
        Dictionary<string, string> Body(string rate)
        {
            _runs.Whole(SmallRun.Recipe($", \"anchorRate\": {rate}, \"through\": \"anchor\""), rate);
            using var saved = Checkpoint.Open(Checkpoint.List(_runs.Path(rate))[0].Path);
            using var section = saved.Section("module.state.anchor");
            return section
                .Entries.Keys.Where(n =>
                    n.StartsWith("module.", StringComparison.Ordinal) && n.EndsWith("weight", StringComparison.Ordinal)
                )
                .ToDictionary(n => n, n => Convert.ToHexString(section.Bytes(n)));
        }
        var (still, moved) = (Body("1e-30"), Body("0.05"));
        Assert.NotEmpty(still);
        Assert.All(still, w => Assert.NotEqual(w.Value, moved[w.Key]));
    }

    [Fact]
    public void The_teachers_data_are_never_read_once_the_teacher_is_trained()
    {
        var gate = GuardedShapes.Current;
        var report = Run(SmallRun.Recipe(), new LockAfter("teacher/train", gate));
        Assert.True(gate.Locked);
        Assert.True(gate.Reads > 0);
        Assert.Equal(SmallRun.Steps.Values.Sum(), (long)report["steps"]!);
    }

    [Fact]
    public void Reading_the_teachers_data_afterwards_would_have_failed()
    {
        const string reading = """{ "id": "supervised", "options": { "source": "teacher-domain" } }""";
        var reader = SmallRun.Recipe(losses: """[ { "id": "cross-entropy" } ]""", strategy: reading);
        var gate = GuardedShapes.Current;
        var failure = Assert.ThrowsAny<Exception>(() => Run(reader, new LockAfter("teacher/train", gate)));
        Assert.Contains("locked", failure.ToString());
    }

    [Theory]
    [InlineData("""[ { "id": "kd", "options": { "temperature": 4 } } ]""")]
    [InlineData("""[ { "id": "cross-entropy", "weight": 0.1 }, { "id": "kd", "weight": 0.9 } ]""")]
    public void Any_losses_take_the_place_of_the_papers_in_the_third_stage(string losses)
    {
        var own = _runs.Whole(SmallRun.Recipe(), "own");
        var other = _runs.Whole(SmallRun.Recipe(losses: losses), "other");
        Assert.Equal((long)own["steps"]!, (long)other["steps"]!);
        Assert.NotEqual(
            _runs.Sha256("own", "student-last.safetensors"),
            _runs.Sha256("other", "student-last.safetensors")
        );
        Assert.Contains("\"kd\":", File.ReadAllText(Path.Combine(_runs.Path("other"), "events.jsonl")));
    }

    [Theory]
    [InlineData("""{ "id": "linear-generator" }""", "", """[ { "id": "normalise" } ]""")]
    [InlineData(
        """{ "id": "upsample-generator", "options": { "latent": 6, "width": 8 } }""",
        "",
        """[ { "id": "cutout", "options": { "size": 2 } }, { "id": "normalise" } ]"""
    )]
    public void Any_latent_generator_and_any_student_view_will_do(string generator, string options, string view)
    {
        var report = _runs.Whole(SmallRun.Recipe(options, generator: generator, student: view), "run");
        Assert.Equal(SmallRun.Steps.Values.Sum(), (long)report["steps"]!);
    }

    [Fact]
    public void Teacher_and_student_may_have_any_names()
    {
        var recipe = SmallRun
            .Recipe(""", "STUDENT": "small" """)
            .Replace("\"student\":", "\"small\":")
            .Replace("STUDENT", "student");
        var report = _runs.Whole(recipe, "run");
        Assert.Equal("small", (string)report["result"]!);
        Assert.Equal(SmallRun.Steps.Values.Sum(), (long)report["steps"]!);
    }

    [Fact]
    public void A_teacher_without_batch_norms_does_where_they_are_not_asked_for()
    {
        var report = _runs.Whole(SmallRun.Recipe(""", "norms": 0""", teacher: """{ "id": "plain" }"""), "run");
        Assert.Equal(SmallRun.Steps.Values.Sum(), (long)report["steps"]!);
    }

    [Theory]
    [InlineData("data-free", 6)]
    [InlineData("anchor", 10)]
    public void A_run_can_end_after_an_earlier_stage(string last, long steps)
    {
        var report = _runs.Whole(SmallRun.Recipe($", \"through\": \"{last}\""), "run");
        Assert.Equal(steps, (long)report["steps"]!);
    }

    [Fact]
    public void The_data_free_stage_keeps_the_state_of_the_least_generator_loss_and_later_stages_leave_it()
    {
        _runs.Whole(SmallRun.Recipe(""", "through": "data-free" """), "first");
        _runs.Whole(SmallRun.Recipe(""", "through": "anchor" """), "second");
        var (first, second) = (Weights("first", "student-last"), Weights("second", "student-last"));
        Assert.Equal(first, second);
    }

    [Fact]
    public void Without_validation_data_the_last_states_stay()
    {
        var recipe = SmallRun.Recipe().Replace("\"count\": 8", "\"fraction\": 0.001");
        var report = _runs.Whole(recipe, "run");
        Assert.Equal(SmallRun.Steps.Values.Sum(), (long)report["steps"]!);
    }

    [Fact]
    public void Every_stage_leaves_as_many_tensors_behind_as_it_found()
    {
        var counts = new TensorCounts();
        var recipe = SmallRun
            .Recipe()
            .Replace("\"stepsPerEpoch\": 2", "\"stepsPerEpoch\": 12")
            .Replace("\"anchorEpochs\": 2", "\"anchorEpochs\": 12")
            .Replace("\"training\": { \"epochs\": 2", "\"training\": { \"epochs\": 12");
        Run(recipe, counts);
        foreach (var (stage, found) in counts.ByStage.Where(s => s.Key != "teacher/train"))
        {
            Assert.Equal(24, found.Count);
            // Optimisers have their state by then and a best state is kept; batches that are read ahead come and go.
            Assert.True(
                found.TakeLast(5).Min() <= found.Skip(13).Take(4).Max(),
                $"{stage}: {string.Join(", ", found)}"
            );
        }
    }

    private JsonObject Run(string recipe, IRunObserver observer) =>
        Experiment
            .Run(
                _runs.Read(recipe),
                _runs.Path("observed"),
                SmallRun.Catalog,
                new SessionOptions { Observer = observer },
                new ResumeOptions(),
                CancellationToken.None
            )
            .Report;

    private byte[] Weights(string run, string name)
    {
        using var file = SafeTensorsFile.Open(Path.Combine(_runs.Path(run), $"{name}.safetensors"));
        return [.. file.Entries.Keys.Order(StringComparer.Ordinal).SelectMany(key => file.Bytes(key).ToArray())];
    }

    private class Quiet : IRunObserver
    {
        public virtual void StageStarted(Progress progress) { }

        public virtual void StepDone(
            Progress progress,
            IReadOnlyDictionary<string, double>? values,
            double imagesPerSecond
        ) { }

        public void RunStarted(long seed, string path) { }

        public void Evaluated(Progress progress, Evaluation evaluation) { }

        public void CheckpointWritten(Progress progress, string path) { }

        public void Warned(string message) { }
    }

    private sealed class LockAfter(string stage, GuardedShapes.Gate gate) : Quiet
    {
        public override void StageStarted(Progress progress) => gate.Locked = progress.Stage != stage;
    }

    private sealed class TensorCounts : Quiet
    {
        public Dictionary<string, List<long>> ByStage { get; } = [];

        public override void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double rate)
        {
            if (!ByStage.TryGetValue(progress.Stage, out var found))
                ByStage[progress.Stage] = found = [];
            found.Add(LiveTensors.Count);
        }
    }
}
