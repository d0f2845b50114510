using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Testing;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Core.Tests.Engine.Training;

/// <summary>Exponential averages of weights: what they are, what becomes of them, and that they go on where they were.</summary>
public sealed class AverageTests : IDisposable
{
    private readonly RecipeRun _runs = new(EngineRun.Catalog.With(typeof(PlainModel)));

    public void Dispose() => _runs.Dispose();

    // 3 steps an epoch. The network "tiny" has batch norms: buffers, one of which counts.
    private static string Recipe(string ema, string model = "tiny", string more = "", int epochs = 3) =>
        $$"""
            { "name": "average", "dataset": { "id": "shapes", "options": { "size": 8, "train": 64, "test": 16 } },
              "validation": { "count": 16 }, "models": { "student": { "id": "{{model}}" } },
              "losses": [ { "id": "cross-entropy" } ], "strategy": { "id": "supervised" },
              "checkpoints": { "everySteps": 1, "everySeconds": 0, "keep": 100 },
              "training": { "epochs": {{epochs}}, "batchSize": 16, "ema": {{ema}} } {{more}} }
            """;

    [Theory]
    [InlineData("""{ "decay": 0.75, "warmup": false }""")]
    [InlineData("""{ "decay": 0.75 }""")]
    [InlineData("""{ "decay": 0.2, "warmup": true }""")]
    public void It_is_the_average_of_what_the_steps_left(string ema)
    {
        _runs.Whole(Recipe(ema), "run");
        var section = JsonNode.Parse(ema)!;
        var (decay, warmup) = ((double)section["decay"]!, (bool?)section["warmup"] ?? true);
        Dictionary<string, double[]>? expected = null;
        var steps = 0;
        foreach (
            var saved in Checkpoint
                .List(_runs.Path("run"))
                .OrderBy(c => c.Position.Step)
                .DistinctBy(c => c.Position.Step)
                .Skip(1)
        )
        {
            using var state = Checkpoint.Open(saved.Path);
            var weights = Read(state.Section("module.role.student"));
            if (expected is null)
                expected = weights;
            else
            {
                steps++;
                var d = warmup ? Math.Min(decay, (1.0 + steps) / (10 + steps)) : decay;
                foreach (var (name, values) in weights)
                    for (var i = 0; i < values.Length; i++)
                        expected[name][i] = name.EndsWith("tracked", StringComparison.Ordinal)
                            ? values[i]
                            : (d * expected[name][i]) + ((1 - d) * values[i]);
            }
            var average = Read(state.Section("ema.role.student"));
            Assert.Equal(expected.Keys.Order(), average.Keys.Order());
            foreach (var (name, values) in average)
                Assert.All(values.Zip(expected[name]), p => Assert.Equal(p.Second, p.First, 1e-5));
        }
        Assert.Equal(8, steps);
        Assert.Contains(expected!.Keys, k => k.EndsWith("tracked", StringComparison.Ordinal));
    }

    [Fact]
    public void It_is_evaluated_and_exported_beside_the_network_which_it_leaves_alone()
    {
        var plain = _runs.Whole(Recipe("{}"), "plain");
        var report = _runs.Whole(Recipe("""{ "decay": 0.5 }"""), "run");
        foreach (var file in (string[])["student.safetensors", "student-last.safetensors"])
            Assert.Equal(Weights("plain", file), Weights("run", file));
        Assert.Null(plain["student-ema"]);
        Assert.False(File.Exists(File_("plain", "student-ema.safetensors")));
        var row = report["student-ema"]!;
        Assert.Equal(_runs.Sha256("run", "student-ema.safetensors"), (string)row["sha256"]!);
        Assert.Equal((long)report["student"]!["parameters"]!, (long)row["parameters"]!);
        Assert.NotEqual(Weights("run", "student-ema-last.safetensors"), Weights("run", "student-last.safetensors"));
        using var saved = Checkpoint.Open(Checkpoint.List(_runs.Path("run"))[0].Path);
        Assert.Equal(Bytes(saved.Section("ema.role.student")), Weights("run", "student-ema-last.safetensors"));
        Assert.Equal(Bytes(saved.Section("ema-best.role.student")), Weights("run", "student-ema.safetensors"));
        var events = File.ReadLines(File_("run", "events.jsonl"))
            .Select(line => JsonNode.Parse(line)!["values"]?["student-ema.validation.accuracy"])
            .Where(v => v is not null)
            .Select(v => (double)v!)
            .ToList();
        Assert.Equal(3, events.Count);
        Assert.Equal(1 + events.IndexOf(events.Max()), (long)row["best_epoch"]!);
        // The row says what the exported file does.
        foreach (var (file, state) in ((string, string)[])[("student-ema", "best"), ("student-ema-last", "last")])
        {
            var found = Preflight.Evaluate(
                _runs.Read(Recipe("{}")),
                _runs.Catalog,
                "student",
                WeightsSection.Of(File_("run", $"{file}.safetensors")),
                null,
                0,
                null
            );
            Assert.Equal(found.Values["accuracy"], (double)row["test_accuracy"]![state]!);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void In_pieces_it_is_the_same_bit_for_bit(int steps)
    {
        var recipe = Recipe("""{ "decay": 0.9 }""");
        var whole = _runs.Whole(recipe, "whole");
        var (pieces, sittings) = _runs.Pieces(recipe, "pieces", steps);
        Assert.True(sittings >= 9 / steps);
        foreach (var file in (string[])["student-ema", "student-ema-last", "student-last"])
            Assert.Equal(Weights("whole", file + ".safetensors"), Weights("pieces", file + ".safetensors"));
        Assert.True(
            JsonNode.DeepEquals(whole["student-ema"]!["test_accuracy"], pieces["student-ema"]!["test_accuracy"])
        );
        Assert.Equal((long)whole["student-ema"]!["best_epoch"]!, (long)pieces["student-ema"]!["best_epoch"]!);
    }

    [Fact]
    public void Every_stage_begins_its_own_and_phases_may_go_without()
    {
        const string prepare = """
            , "prepare": [ { "name": "first", "role": "student", "training": { "epochs": 1 } },
                           { "name": "second", "role": "student", "training": { "epochs": 1, "ema": { "decay": 0 } } } ]
            """;
        var recipe = Recipe("""{ "decay": 0.9 }""", more: prepare, epochs: 1);
        _runs.Whole(recipe, "run");
        var seen = Checkpoint
            .List(_runs.Path("run"))
            .OrderBy(c => c.Position.Step)
            .Select(c =>
            {
                using var state = Checkpoint.Open(c.Path);
                var facts = state.Facts["averages"]!["student"];
                return facts is null ? ("", 0L) : ((string)facts["stage"]!, (long)facts["updates"]!);
            })
            .ToList();
        Assert.Equal([0, 1, 2], seen.Where(s => s.Item1 == "train").Select(s => s.Item2).Distinct());
        Assert.DoesNotContain(seen, s => s.Item1.StartsWith("second/", StringComparison.Ordinal));
        // What the second phase leaves is the first one's, as it was.
        Assert.Equal(3 + 1, seen.Count(s => s == ("first/train", 2)));
    }

    [Fact]
    public void A_role_of_its_name_is_refused()
    {
        var recipe = Recipe("""{ "decay": 0.9 }""")
            .Replace("\"student\": {", "\"student-ema\": { \"like\": \"student\" }, \"student\": {");
        var error = Assert.Throws<KdException>(() => _runs.Whole(recipe, "run"));
        Assert.Equal(CoreErrors.WrongCombination, error.Code);
        Assert.Contains("training.ema", error.Message);
    }

    [Fact]
    public void Of_a_phase_that_one_seed_alone_goes_through_there_is_one_row()
    {
        var recipe = $$"""
            { "name": "once", "seeds": [1, 2], "dataset": { "id": "shapes", "options": { "size": 8, "train": 64, "test": 16 } },
              "models": { "teacher": { "id": "plain" }, "student": { "id": "plain" } },
              "prepare": [ { "role": "teacher", "once": true } ],
              "losses": [ { "id": "kd" } ], "strategy": { "id": "offline" },
              "training": { "epochs": 1, "batchSize": 16, "ema": { "decay": 0.99 } } }
            """;
        var report = _runs.Whole(recipe, "run");
        Assert.Single(report["teacher-ema"]!["seeds"]!.AsArray());
        Assert.Equal(2, report["student-ema"]!["seeds"]!.AsArray().Count);
    }

    [Fact]
    public void A_check_counts_their_memory_and_their_files()
    {
        PreflightReport Check(string ema) =>
            Preflight.Run(_runs.Read(Recipe(ema)), _runs.Catalog, new() { Samples = 16, Steps = 2 });
        var plain = Check("{}");
        var averaged = Check("""{ "decay": 0.9 }""");
        var two = 2 * plain.Roles.Single().Bytes;
        Assert.Equal(two, averaged.CheckpointBytes - plain.CheckpointBytes);
        Assert.True(averaged.DiskBytes - plain.DiskBytes > 100 * two);
    }

    private string File_(string run, string file) => System.IO.Path.Combine(_runs.Path(run), file);

    private byte[] Weights(string run, string file)
    {
        using var source = WeightFile.Open(File_(run, file));
        return Bytes(source);
    }

    private static byte[] Bytes(IWeightSource source) =>
        [.. source.Entries.Keys.Order(StringComparer.Ordinal).SelectMany(key => source.Bytes(key).ToArray())];

    private static Dictionary<string, double[]> Read(IWeightSource source)
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        return source
            .ToTensors()
            .ToDictionary(
                t => t.Key,
                t => t.Value.to_type(TorchSharp.torch.ScalarType.Float64).flatten().data<double>().ToArray()
            );
    }
}
