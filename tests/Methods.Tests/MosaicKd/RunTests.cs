using System.Text.Json.Nodes;
using KdPlugins.AugKd.Tests;
using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using static TorchSharp.torch;

namespace KdPlugins.MosaicKd.Tests;

/// <summary>Whole runs: resume, who is updated by what, what is read, what is left behind.</summary>
public sealed class RunTests : IDisposable
{
    private const string DataFree = """, "local": 0, "outOfDomainBatch": false """;

    private readonly RecipeRun _runs = new(SmallRun.Catalog);

    public RunTests() => GuardedShapes.Current = new();

    public void Dispose() => _runs.Dispose();

    [Theory]
    [InlineData("", 1)]
    [InlineData(""", "keep": 20, "patches": "mean", "outputStride": 2""", 3)]
    [InlineData(DataFree, 3)]
    public void A_run_in_pieces_ends_where_the_whole_one_does(string options, int steps)
    {
        var recipe = SmallRun.Recipe(
            options,
            student: """{ "id": "cutmix" }""",
            more: """, "ema": { "decay": 0.9 } """
        );
        var whole = _runs.Whole(recipe, "whole");
        var (pieces, sittings) = _runs.Pieces(recipe, "pieces", steps);
        Assert.True(sittings > 1);
        Assert.Equal((long)whole["steps"]!, (long)pieces["steps"]!);
        Assert.Equal(
            _runs.Sha256("whole", "student-last.safetensors"),
            _runs.Sha256("pieces", "student-last.safetensors")
        );
    }

    // What is frozen by a vanishing rate is what nobody else's update moves; at its own rate it moves.
    [Theory]
    [InlineData("generator", """, "generatorRate": 1e-30""", "0.01")]
    [InlineData("discriminator", """, "discriminatorRate": 1e-30""", "0.01")]
    [InlineData("student", "", "1e-30")]
    public void No_update_moves_another_players_weights(string player, string options, string rate)
    {
        var (one, four) = (
            Weights("one", player, SmallRun.Recipe(options, rate: rate), 1),
            Weights("four", player, SmallRun.Recipe(options, rate: rate), 0)
        );
        Assert.NotEmpty(one);
        Assert.Equal(one, four);
        var moved = Weights("moved", player, SmallRun.Recipe(), 0);
        Assert.All(one, w => Assert.NotEqual(w.Value, moved[w.Key]));
    }

    [Fact]
    public void The_teacher_stays_bit_for_bit_as_it_was()
    {
        var recipe = SmallRun.Recipe();
        var (one, four) = (Weights("one", "teacher", recipe, 1), Weights("four", "teacher", recipe, 0));
        Assert.NotEmpty(one);
        Assert.Equal(one, four);
    }

    // Norms count the passes in training mode: the student's of the generator's update and of its own two, the
    // discriminator's of both kinds of images and of the generator's update, the generator's of one and two.
    [Fact]
    public void Who_is_in_training_mode_when_is_as_published()
    {
        _runs.Whole(SmallRun.Recipe(), "run");
        foreach (var (player, passes) in new[] { ("student", 3L), ("discriminator", 3), ("generator", 3) })
            Assert.All(Counts(player), n => Assert.Equal(passes * SmallRun.Steps, n));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void The_student_has_its_number_of_updates(int inner)
    {
        _runs.Whole(SmallRun.Recipe().Replace("\"innerSteps\": 2", $"\"innerSteps\": {inner}"), "run");
        Assert.All(Counts("student"), n => Assert.Equal((1 + inner) * SmallRun.Steps, n));
    }

    [Fact]
    public void Without_patches_and_real_images_it_is_a_data_free_method_that_reads_none()
    {
        const string guarded = """
            { "id": "guarded-shapes", "options": { "size": 8, "classes": 4, "train": 32 } }
            """;
        var gate = GuardedShapes.Current;
        _runs.Whole(SmallRun.Recipe(DataFree, ood: guarded), "free");
        Assert.Equal(0, gate.Reads);
        Assert.Equal(SmallRun.Steps, Steps("free"));
        Assert.DoesNotContain("discriminator", File.ReadAllText(EventsOf("free")));
        // Other images, and none at all, change nothing.
        _runs.Whole(SmallRun.Recipe(DataFree), "other");
        var none = SmallRun.Recipe(DataFree + """, "stepsPerEpoch": 4""").Replace("\"images\"", "\"unused\"");
        _runs.Whole(none, "none");
        var expected = Student("free");
        Assert.Equal(expected, Student("other"));
        Assert.Equal(expected, Student("none"));
        _runs.Whole(SmallRun.Recipe(DataFree, ood: guarded).Replace("\"local\": 0,", ""), "patches");
        Assert.True(gate.Reads > 0);
    }

    [Fact]
    public void The_images_may_be_without_labels_and_the_teachers_data_are_never_trained_on()
    {
        var none = SmallRun.Ood.Replace("\"shapes\"", "\"unlabelled-shapes\"");
        _runs.Whole(SmallRun.Recipe(ood: none), "none");
        _runs.Whole(SmallRun.Recipe(), "labelled");
        _runs.Whole(
            SmallRun
                .Recipe(shapes: """, "seed": 9 """)
                .Replace(
                    "normalise\"",
                    "normalise\", \"options\": { \"mean\": [ 0.5, 0.5, 0.5 ], \"std\": [ 0.25, 0.25, 0.25 ] }"
                ),
            "seed-9"
        );
        _runs.Whole(
            SmallRun
                .Recipe()
                .Replace(
                    "normalise\"",
                    "normalise\", \"options\": { \"mean\": [ 0.5, 0.5, 0.5 ], \"std\": [ 0.25, 0.25, 0.25 ] }"
                ),
            "seed-1"
        );
        Assert.Equal(Student("labelled"), Student("none"));
        Assert.Equal(Student("seed-1"), Student("seed-9"));
    }

    [Fact]
    public void Those_images_are_kept_of_which_the_teacher_is_least_certain()
    {
        _runs.Whole(SmallRun.Recipe(""", "keep": 20"""), "run");
        Assert.Equal(SmallRun.Steps + 2, Steps("run"));
        var entropies = Pooled("run");
        Assert.Equal(32, entropies.Length);
        Assert.True(entropies.Distinct().Count() > 16);
        Assert.All(entropies, e => Assert.InRange(e, 0, Math.Log(4) + 1e-6));
        // All of them are no subset.
        _runs.Whole(SmallRun.Recipe(""", "keep": 32"""), "all");
        _runs.Whole(SmallRun.Recipe(), "none");
        Assert.Equal(Student("none"), Student("all"));
    }

    [Fact]
    public void Every_step_leaves_as_many_tensors_behind_as_it_found()
    {
        List<long> counts = [];
        _runs.Observed(
            SmallRun.Recipe(""", "stepsPerEpoch": 24, "keep": 20"""),
            "run",
            progress =>
            {
                if (progress.Stage == "mosaic")
                    counts.Add(LiveTensors.Count);
            }
        );
        Assert.Equal(24, counts.Count);
        Assert.True(counts.TakeLast(5).Min() <= counts.Skip(13).Take(4).Max(), string.Join(", ", counts));
    }

    // The file says what it was made by; the tensors alone are compared.
    private byte[] Student(string run)
    {
        using var file = SafeTensorsFile.Open(Path.Combine(_runs.Path(run), "student-last.safetensors"));
        return [.. file.Entries.Keys.Order(StringComparer.Ordinal).SelectMany(key => file.Bytes(key).ToArray())];
    }

    private string EventsOf(string run) => Path.Combine(_runs.Path(run), "events.jsonl");

    private long Steps(string run) =>
        File.ReadLines(EventsOf(run))
            .Select(l => JsonNode.Parse(l)!)
            .Where(e => (string?)e["kind"] == "stage")
            .Max(e => (long)e["step"]!);

    // A player's section of the last checkpoint.
    private T Section<T>(string run, string player, Func<IWeightSource, T> read)
    {
        using var saved = Checkpoint.Open(Checkpoint.List(_runs.Path(run))[0].Path);
        var name = saved.Sections.Single(n =>
            n.StartsWith("module.", StringComparison.Ordinal)
            && n.EndsWith(player == "generator" ? "main" : player, StringComparison.Ordinal)
        );
        using var section = saved.Section(name);
        return read(section);
    }

    private Dictionary<string, string> Weights(string run, string player, string recipe, long steps)
    {
        _runs.Whole(recipe, run, steps);
        return Section(
            run,
            player,
            s =>
                s.Entries.Keys.Where(n => n.EndsWith("weight", StringComparison.Ordinal))
                    .ToDictionary(n => n, n => Convert.ToHexString(s.Bytes(n)))
        );
    }

    private long[] Counts(string player) =>
        Section(
            "run",
            player,
            s =>
                s.Entries.Keys.Where(n => n.EndsWith("num_batches_tracked", StringComparison.Ordinal))
                    .Select(n => BitConverter.ToInt64(s.Bytes(n)))
                    .ToArray()
        );

    private float[] Pooled(string run)
    {
        using var saved = Checkpoint.Open(Checkpoint.List(_runs.Path(run))[0].Path);
        using var section = saved.Section("state");
        var column = section.Entries.Keys.Single(k => k.Contains("ood-entropy", StringComparison.Ordinal));
        return System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(section.Bytes(column)).ToArray();
    }
}
