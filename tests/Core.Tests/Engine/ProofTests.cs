using KdPlugins.Testing;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>The contracts carry methods of very different form, and each resumes bit for bit inside every stage.</summary>
public sealed class ProofTests : IDisposable
{
    private const string Shapes = """{ "id": "shapes", "options": { "size": 8, "train": 64, "test": 32 } }""";

    private const string Masks =
        """{ "id": "shapes", "options": { "size": 16, "train": 32, "test": 16, "target": "mask" } }""";

    internal static readonly Dictionary<string, string> Recipes = new()
    {
        ["anchor"] = $$"""
            { "name": "anchor", "dataset": {{Shapes}}, "strategy": { "id": "proof-anchor" },
              "models": { "teacher": { "id": "tiny", "options": { "width": 8 } }, "student": { "id": "tiny" } },
              "augmentations": { "student": [ { "id": "proof-mix" } ] },
              "generators": { "main": { "id": "proof-generator" } },
              "losses": [ { "id": "cross-entropy" }, { "id": "kd" } ], "training": { "batchSize": 16 } }
            """,
        ["ridge"] = $$"""
            { "name": "ridge", "dataset": {{Shapes}}, "strategy": { "id": "proof-ridge" },
              "models": { "teacher": { "id": "tiny" }, "student": { "id": "tiny" } },
              "losses": [ { "id": "cross-entropy" } ], "training": { "batchSize": 16 } }
            """,
        ["dense"] = $$"""
            { "name": "dense", "dataset": {{Masks}}, "strategy": { "id": "proof-dense" },
              "models": { "teacher": { "id": "tiny-dense", "options": { "width": 8 } }, "student": { "id": "tiny-dense" } },
              "losses": [ { "id": "cross-entropy" } ], "training": { "batchSize": 8 } }
            """,
        ["mutual"] = $$"""
            { "name": "mutual", "dataset": {{Shapes}}, "strategy": { "id": "proof-mutual" },
              "models": { "first": { "id": "tiny" }, "second": { "id": "tiny" }, "third": { "id": "tiny" } },
              "losses": [ { "id": "cross-entropy" } ], "training": { "epochs": 2, "batchSize": 16 } }
            """,
        ["offline"] = $$"""
            { "name": "offline", "dataset": {{Shapes}}, "strategy": { "id": "offline" }, "baseline": true,
              "models": { "teacher": { "id": "tiny", "options": { "width": 8 } }, "student": { "id": "tiny" } },
              "prepare": [ { "name": "teacher", "role": "teacher", "once": true,
                             "strategy": { "id": "supervised", "options": { "role": "teacher" } },
                             "losses": [ { "id": "cross-entropy" } ] } ],
              "losses": [ { "id": "cross-entropy", "weight": 0.1 }, { "id": "kd", "weight": 0.9 } ],
              "training": { "epochs": 2, "batchSize": 16, "accumulate": 2 } }
            """,
    };

    private readonly RecipeRun _runs = new(EngineRun.Catalog);

    public void Dispose() => _runs.Dispose();

    [Theory]
    [InlineData("anchor", "student", 3)]
    [InlineData("ridge", "student", 4)]
    [InlineData("dense", "student", 2)]
    [InlineData("mutual", "first", 2)]
    [InlineData("offline", "student", 2)]
    public void A_run_in_pieces_ends_where_the_whole_one_does(string name, string role, int steps)
    {
        var whole = _runs.Whole(Recipes[name], "whole");
        var (pieces, sittings) = _runs.Pieces(Recipes[name], "pieces", steps);

        Assert.True(sittings > 2);
        Assert.Equal((string)whole[role]!["sha256"]!, (string)pieces[role]!["sha256"]!);
        var last = $"{role}-last.safetensors";
        Assert.Equal(_runs.Sha256("whole", last), _runs.Sha256("pieces", last));
        Assert.Equal((long)whole["steps"]!, (long)pieces["steps"]!);
    }

    [Fact]
    public void A_strategy_writes_the_data_set_that_it_learned()
    {
        _runs.Whole(Recipes["ridge"], "run");
        using var set = WeightFile.Open(System.IO.Path.Combine(_runs.Path("run"), "outputs", "set", "set.safetensors"));
        Assert.Equal([6, 3, 8, 8], set.Entries["images"].Shape);
        Assert.Equal([6, 12], set.Entries["labels"].Shape);
    }

    [Fact]
    public void Dense_targets_are_evaluated_by_mean_intersection_over_union()
    {
        var report = _runs.Whole(Recipes["dense"], "run");
        var miou = (double)report["student"]!["test_miou"]!["last"]!;
        Assert.InRange(miou, 0, 1);
    }

    [Fact]
    public void Several_seeds_share_the_teacher_and_report_mean_and_deviation()
    {
        var report = _runs.Whole(
            Recipes["offline"].Replace("\"name\": \"offline\"", "\"name\": \"offline\", \"seeds\": [1, 2]"),
            "run"
        );

        var accuracy = report["student"]!["test_accuracy"]!;
        var each = accuracy["seeds"]!.AsArray().Select(s => (double)s!["last"]!).ToArray();
        Assert.Equal(2, each.Length);
        Assert.Equal(each.Average(), (double)accuracy["mean"]!, 12);
        Assert.Equal(Math.Abs(each[0] - each[1]) / Math.Sqrt(2), (double)accuracy["std"]!, 12);
        Assert.Equal(Weights("run/seed-1", "teacher-last"), Weights("run/seed-2", "teacher-last"));
        Assert.NotEqual(Weights("run/seed-1", "student"), Weights("run/seed-2", "student"));
    }

    // The files' cards differ by the seed, the tensors do not.
    private byte[] Weights(string run, string name)
    {
        using var file = SafeTensorsFile.Open(System.IO.Path.Combine(_runs.Path(run), $"{name}.safetensors"));
        return [.. file.Entries.Keys.Order(StringComparer.Ordinal).SelectMany(key => file.Bytes(key).ToArray())];
    }
}
