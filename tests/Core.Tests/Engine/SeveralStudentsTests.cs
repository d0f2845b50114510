using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Testing;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>Where several roles learn, each has losses and a best state of its own.</summary>
public sealed class SeveralStudentsTests : IDisposable
{
    private const string Shapes =
        """{ "id": "shapes", "options": { "size": 8, "train": 64, "test": 16 } }, "validation": { "count": 16 }""";

    // 3 steps an epoch, each of which moves a drift by -0.125: the networks are nearest after 1, 2 and 3 epochs.
    private const string Mutual = $$"""
        { "name": "mutual", "dataset": {{Shapes}}, "strategy": { "id": "proof-mutual" },
          "models": { "first": { "id": "drifting", "options": { "width": 4 } },
                      "second": { "id": "drifting", "options": { "width": 8 } },
                      "third": { "id": "drifting", "options": { "width": 12 } } },
          "losses": [ { "id": "cross-entropy" }, { "id": "kd" }, { "id": "proof-head" } ],
          "evaluation": { "meters": [ { "id": "proof-nearness", "options": { "perWidth": -0.09375 } } ] },
          "training": { "epochs": 4, "batchSize": 16, "schedule": { "name": "constant" },
                        "optimiser": { "name": "sgd", "learningRate": 0.125, "momentum": 0, "weightDecay": 0 } } }
        """;

    private readonly RecipeRun _runs = new(
        EngineRun.Catalog.With(typeof(DriftingModel), typeof(HeadLoss), typeof(NearnessMeter), typeof(PairsStrategy))
    );

    public void Dispose() => _runs.Dispose();

    [Fact]
    public void Each_pair_has_a_head_of_its_own_that_is_stepped_once_an_update()
    {
        _runs.Whole(Mutual, "run");
        var widths = new Dictionary<string, long>
        {
            ["first"] = 4,
            ["second"] = 8,
            ["third"] = 12,
        };
        using var saved = Newest("run");
        var heads = saved.Sections.Where(s => s.StartsWith("module.loss.", StringComparison.Ordinal)).ToArray();
        Assert.Equal(
            [.. from me in MutualStrategy.Students from peer in MutualStrategy.Peers(me) select Head(me, peer)],
            heads
        );
        foreach (var me in MutualStrategy.Students)
        foreach (var peer in MutualStrategy.Peers(me))
        {
            var head = saved.Section(Head(me, peer)).ToTensors();
            Assert.Equal([widths[peer], widths[me]], head["project.weight"].shape);
            // 4 epochs of 3 updates, half of the gradient of each of two pairs.
            Assert.Equal(12 * -0.125f / 2, head["count"].item<float>());
        }
        var weights = heads.Select(h => Convert.ToHexString(Bytes(saved.Section(h), "project.weight")));
        Assert.Equal(heads.Length, weights.Distinct().Count());
    }

    [Fact]
    public void Each_has_its_own_best_state()
    {
        var report = _runs.Whole(Mutual, "run");
        foreach (var (role, epoch) in MutualStrategy.Students.Zip([1, 2, 3]))
        {
            Assert.Equal(epoch, (long)report[role]!["best_epoch"]!);
            Assert.Equal(0, (double)report[role]!["test_nearness"]!["best"]!);
            Assert.Equal(-0.375 * (4 - epoch), (double)report[role]!["test_nearness"]!["last"]!);
            Assert.Equal(-0.375f * epoch, Drift("run", role));
            Assert.Equal(-0.375f * 4, Drift("run", $"{role}-last"));
        }
    }

    [Fact]
    public void Interrupted_anywhere_they_end_where_the_whole_run_does()
    {
        var whole = _runs.Whole(Mutual, "whole");
        var (pieces, sittings) = _runs.Pieces(Mutual, "pieces", 2);
        Assert.True(sittings > 5);
        foreach (var role in MutualStrategy.Students)
        {
            Assert.Equal((string)whole[role]!["sha256"]!, (string)pieces[role]!["sha256"]!);
            Assert.Equal((long)whole[role]!["best_epoch"]!, (long)pieces[role]!["best_epoch"]!);
            var last = $"{role}-last.safetensors";
            Assert.Equal(_runs.Sha256("whole", last), _runs.Sha256("pieces", last));
        }
        using var first = Newest("whole");
        using var second = Newest("pieces");
        Assert.Equal(first.Sections, second.Sections);
        foreach (var section in first.Sections)
        foreach (var name in first.Section(section).Entries.Keys)
            Assert.Equal(Bytes(first.Section(section), name), Bytes(second.Section(section), name));
    }

    [Fact]
    public void What_their_losses_come_to_is_reported_by_pair()
    {
        _runs.Whole(Mutual, "run");
        var events = File.ReadAllText(System.IO.Path.Combine(_runs.Path("run"), "events.jsonl"));
        Assert.Contains("\"kd.first.second\"", events);
        Assert.Contains("\"proof-head.third.first\"", events);
        Assert.DoesNotContain("\"kd\"", events);
    }

    [Fact]
    public void A_student_and_its_teacher_are_the_same_pair_named_or_not()
    {
        var plain = _runs.Whole(Pairs("plain"), "plain");
        var named = _runs.Whole(Pairs("named"), "named");
        Assert.Equal(Weights("plain"), Weights("named"));
        using var saved = Newest("named");
        Assert.Contains("module.loss..proof-head", saved.Sections);
        Assert.NotNull(plain["student"]);
        Assert.NotNull(named["student"]);
    }

    [Theory]
    [InlineData("stray", "KDP0306", "'teacher' by 'teacher'; the plan has them for 'student' by 'teacher'")]
    [InlineData("shared", "KDP0306", "which 'student' trains: 'teacher' cannot train them too")]
    [InlineData("alone", "KDP0332", "'student' without a teacher")]
    public void What_cannot_be_meant_is_refused(string way, string code, string said)
    {
        var failure = Assert.Throws<KdException>(() => _runs.Whole(Pairs(way), "run"));
        Assert.Equal(code, failure.Code.Id);
        Assert.Contains(said, failure.Message);
    }

    private static string Head(string me, string peer) => $"module.loss..proof-head.{me}.{peer}";

    private static string Pairs(string way) =>
        $$"""
            { "name": "pairs", "dataset": {{Shapes}},
              "strategy": { "id": "proof-pairs", "options": { "way": "{{way}}" } },
              "models": { "teacher": { "id": "drifting", "options": { "width": 8 } }, "student": { "id": "drifting" } },
              "losses": [ { "id": "cross-entropy" }, { "id": "kd" }, { "id": "proof-head" } ],
              "training": { "batchSize": 16 } }
            """;

    private LoadedCheckpoint Newest(string run) => Checkpoint.Open(Checkpoint.List(_runs.Path(run))[0].Path);

    private static byte[] Bytes(IWeightSource source, string name) => source.Bytes(name).ToArray();

    private float Drift(string run, string name)
    {
        using var file = SafeTensorsFile.Open(System.IO.Path.Combine(_runs.Path(run), $"{name}.safetensors"));
        return BitConverter.ToSingle(file.Bytes("drift"));
    }

    private byte[] Weights(string run)
    {
        using var file = SafeTensorsFile.Open(System.IO.Path.Combine(_runs.Path(run), "student.safetensors"));
        return [.. file.Entries.Keys.Order(StringComparer.Ordinal).SelectMany(key => file.Bytes(key).ToArray())];
    }
}
