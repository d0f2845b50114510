using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Testing;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Core.Tests.Engine.Training;

/// <summary>What a recipe says of single parameters: their rates, their decay, whether they are trained at all.</summary>
public sealed class OptimiserTests : IDisposable
{
    private readonly RecipeRun _runs = new(
        EngineRun.Catalog.With(typeof(PlainModel), typeof(DriftingModel), typeof(HeadLoss), typeof(NearnessMeter))
    );

    public void Dispose() => _runs.Dispose();

    // 3 steps an epoch. The network "plain" has the layers "first" and "last".
    private static string Recipe(string optimiser, string model = "plain", string more = "", int epochs = 2) =>
        $$"""
            { "name": "optimiser", "dataset": { "id": "shapes", "options": { "size": 8, "train": 64, "test": 16 } },
              "validation": { "count": 16 }, "models": { "student": { "id": "{{model}}" {{more}} } },
              "losses": [ { "id": "cross-entropy" } ], "strategy": { "id": "supervised" },
              "checkpoints": { "everySteps": 1, "everySeconds": 0, "keep": 100 },
              "training": { "epochs": {{epochs}}, "batchSize": 16, "schedule": { "name": "constant" },
                            "optimiser": { {{optimiser}} } } }
            """;

    private const string Plain = "\"name\": \"sgd\", \"learningRate\": 0.1, \"momentum\": 0";

    [Theory]
    [InlineData("\"rates\": { \"first\": 0.5 }", 0.5, 0.5, 1, 1)]
    [InlineData("\"rates\": { \"*.bias\": 0, \"first\": 4 }", 4, 0, 1, 0)]
    [InlineData("\"rates\": { \"first.weight\": 3, \"f*\": 2 }", 6, 2, 1, 1)]
    [InlineData("\"layerDecay\": 0.25", 0.25, 0.25, 1, 1)]
    [InlineData("\"layerDecay\": 0.5, \"rates\": { \"first.bias\": 3 }", 0.5, 1.5, 1, 1)]
    public void Rates_are_shares_of_the_learning_rate(string rates, double w1, double b1, double w2, double b2)
    {
        double[] expected = [w1, b1, w2, b2];
        var all = Moved(Recipe(Plain), "all", 1);
        var own = Moved(Recipe($"{Plain}, {rates}"), "own", 1);
        foreach (
            var (name, factor) in ((string[])["first.weight", "first.bias", "last.weight", "last.bias"]).Zip(expected)
        )
            Assert.All(all[name].Zip(own[name]), p => Assert.Equal(factor * p.First, p.Second, 1e-6));
    }

    [Fact]
    public void Layers_are_blocks_and_norms_belong_to_what_precedes_them()
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        (string, long[])[] made =
        [
            ("cls", [1, 1, 4]),
            ("conv1.weight", [2, 3, 3, 3]),
            ("bn1.weight", [2]),
            ("layer1.0.conv.weight", [2, 2, 3, 3]),
            ("layer1.0.bn.weight", [2]),
            ("layer1.1.conv.weight", [2, 2, 3, 3]),
            ("norm.bias", [2]),
            ("fc.weight", [5, 2]),
            ("fc.bias", [5]),
            ("loss.kd.fc.weight", [5, 2]),
        ];
        var depths = ParameterRules.depths([
            .. made.Select(m => (m.Item1, new TorchSharp.Modules.Parameter(TorchSharp.torch.zeros(m.Item2)))),
        ]);
        Assert.Equal([0, 0, 0, 1, 1, 2, 2, 3, 3], made[..^1].Select(m => depths[m.Item1]));
        Assert.DoesNotContain("loss.kd.fc.weight", depths.Keys);
    }

    [Theory]
    [InlineData("sgd")]
    [InlineData("adam")]
    [InlineData("adamw")]
    [InlineData("lion")]
    [InlineData("muon")]
    public void Norms_and_biases_need_not_decay(string name)
    {
        var optimiser = $"\"name\": \"{name}\", \"learningRate\": 0.01, \"momentum\": 0.5, \"weightDecay\"";
        var none = Moved(Recipe($"{optimiser}: 0"), "none", 1);
        var all = Moved(Recipe($"{optimiser}: 0.5"), "all", 1);
        var some = Moved(Recipe($"{optimiser}: 0.5, \"decayNormsAndBiases\": false"), "some", 1);
        Assert.Equal(none["first.bias"], some["first.bias"]);
        Assert.Equal(all["first.weight"], some["first.weight"]);
        Assert.NotEqual(all["first.bias"], some["first.bias"]);
        Assert.NotEqual(none["first.weight"], some["first.weight"]);
    }

    [Theory]
    [InlineData("\"name\": \"lion\", \"learningRate\": 0.001, \"weightDecay\": 0.1")]
    [InlineData("\"name\": \"muon\", \"learningRate\": 0.01, \"weightDecay\": 0.1")]
    [InlineData(
        "\"layerDecay\": 0.5, \"rates\": { \"*.bias\": 2 }, \"decayNormsAndBiases\": false, \"weightDecay\": 0.01"
    )]
    public void In_pieces_a_run_ends_where_the_whole_one_does(string optimiser)
    {
        _runs.Whole(Recipe(optimiser, "tiny"), "whole");
        _runs.Pieces(Recipe(optimiser, "tiny"), "pieces", 2);
        Assert.Equal(
            _runs.Sha256("whole", "student-last.safetensors"),
            _runs.Sha256("pieces", "student-last.safetensors")
        );
    }

    [Theory]
    [InlineData("\"first\"")]
    [InlineData("[\"first.weight\", \"*st.bias\"]")]
    public void What_is_frozen_stays_and_has_no_optimisers_state(string freeze)
    {
        var isAll = freeze.Length < 10;
        var moved = Moved(Recipe("", more: $", \"freeze\": {freeze}"), "run", 6);
        Assert.All(moved["first.weight"].Concat(moved["first.bias"]), v => Assert.Equal(0, v));
        Assert.Contains(moved["last.weight"], v => v != 0);
        Assert.Equal(isAll, moved["last.bias"].Any(v => v != 0));
        using var saved = Checkpoint.Open(Checkpoint.List(_runs.Path("run")).MaxBy(c => c.Position.StageStep)!.Path);
        var state = saved.Section(saved.Sections.Single(s => s.StartsWith("optimiser.", StringComparison.Ordinal)));
        Assert.DoesNotContain(state.Entries.Keys, k => k.StartsWith("first", StringComparison.Ordinal));
        Assert.Contains("last.weight.momentum_buffer", state.Entries.Keys);
    }

    [Fact]
    public void Norms_in_what_is_frozen_keep_their_statistics()
    {
        var all = Moved(Recipe("", "tiny"), "all", 3);
        var norms = all.Keys.Where(k => k.EndsWith("running_mean", StringComparison.Ordinal)).ToArray();
        Assert.NotEmpty(norms);
        Assert.All(norms, n => Assert.Contains(all[n], v => v != 0));
        var module = norms[0][..norms[0].LastIndexOf('.')];
        var some = Moved(Recipe("", "tiny", $", \"freeze\": \"{module}\""), "some", 3);
        foreach (var name in some.Keys.Where(k => k.StartsWith(module + ".", StringComparison.Ordinal)))
            Assert.All(some[name], v => Assert.Equal(0, v));
        _runs.Pieces(Recipe("", "tiny", $", \"freeze\": \"{module}\""), "pieces", 2);
        Assert.Equal(
            _runs.Sha256("some", "student-last.safetensors"),
            _runs.Sha256("pieces", "student-last.safetensors")
        );
    }

    [Fact]
    public void A_check_counts_what_is_frozen_and_warns_of_what_was_never_trained()
    {
        var report = Preflight.Run(
            _runs.Read(Recipe("", more: ", \"freeze\": \"first\"")),
            _runs.Catalog,
            new() { Samples = 16, Steps = 1 }
        );
        var role = report.Roles.Single();
        Assert.InRange(role.Frozen, 1, role.Parameters - 1);
        Assert.Equal(role.Parameters - role.Frozen, report.Stages.Single().Trained["student"]);
        Assert.Contains(report.Warnings, w => w.Contains("stay as they were drawn"));
    }

    [Theory]
    [InlineData("", ", \"freeze\": \"fist\"", "KDP0376", "there are: first, last. Did you mean 'first'")]
    [InlineData("", ", \"freeze\": \"*\"", "KDP0306", "freezes all 4 parameters of 'student'")]
    [InlineData("", ", \"freeze\": 3", "KDP0205", "models.student.freeze")]
    [InlineData("", ", \"freeze\": [\"\"]", "KDP0205", "models.student.freeze")]
    [InlineData("\"rates\": { \"frist\": 1 }", "", "KDP0376", "training.optimiser.rates names 'frist'")]
    [InlineData("\"rates\": { \"first\": -1 }", "", "KDP0206", "training.optimiser.rates.first")]
    [InlineData("\"layerDecay\": 0", "", "KDP0206", "training.optimiser.layerDecay")]
    [InlineData("\"name\": \"muom\"", "", "KDP0206", "Did you mean 'muon'?")]
    public void What_cannot_be_meant_is_refused(string optimiser, string more, string code, string said)
    {
        var error = Assert.ThrowsAny<KdException>(() => _runs.Whole(Recipe(optimiser, more: more), "run"));
        Assert.Contains(code, error.Message);
        Assert.Contains(said, error.Message);
    }

    // Each step moves a drift by -1 of the rate: best after 2 epochs at a rate of 0.125, and never again.
    private const string Plateau = """
        { "name": "plateau", "dataset": { "id": "shapes", "options": { "size": 8, "train": 64, "test": 16 } },
          "validation": { "count": 16 }, "strategy": { "id": "offline" },
          "models": { "teacher": { "id": "drifting" }, "student": { "id": "drifting", "options": { "width": 8 } } },
          "losses": [ { "id": "proof-head" } ],
          "evaluation": { "meters": [ { "id": "proof-nearness", "options": { "perWidth": -0.09375 } } ] },
          "training": { "epochs": 9, "batchSize": 16,
                        "schedule": { "name": "plateau", "patience": 2, "factor": 0.5, "minimum": 0.2 },
                        "optimiser": { "name": "sgd", "learningRate": 0.125, "momentum": 0, "weightDecay": 0 } } }
        """;

    [Fact]
    public void A_plateau_lowers_the_rate_after_so_many_epochs_without_a_better_score()
    {
        _runs.Whole(Plateau, "run");
        double[] expected = [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.2];
        Assert.Equal(expected.Select(e => 0.125 * e), Rates("run"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void In_pieces_it_is_lowered_at_the_same_steps(int steps)
    {
        _runs.Whole(Plateau, "whole");
        _runs.Pieces(Plateau, "pieces", steps);
        Assert.Equal(
            _runs.Sha256("whole", "student-last.safetensors"),
            _runs.Sha256("pieces", "student-last.safetensors")
        );
    }

    // The last rate of each epoch of 3 steps.
    private IEnumerable<double> Rates(string run) =>
        File.ReadLines(System.IO.Path.Combine(_runs.Path(run), "events.jsonl"))
            .Select(line => JsonNode.Parse(line)!)
            .Where(e => e["values"]?["lr.student"] is not null && (long)e["step"]! % 3 == 0)
            .Select(e => (double)e["values"]!["lr.student"]!);

    // How far so many steps have moved what the network holds.
    private Dictionary<string, double[]> Moved(string recipe, string run, int steps)
    {
        _runs.Whole(recipe, run);
        var all = Checkpoint.List(_runs.Path(run));
        var before = Read(all.Single(c => c.Position.Step == 0).Path);
        var after = Read(all.First(c => c.Position.Step == steps).Path);
        return before.ToDictionary(b => b.Key, b => b.Value.Zip(after[b.Key], (x, y) => y - x).ToArray());
    }

    private static Dictionary<string, double[]> Read(string checkpoint)
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        using var saved = Checkpoint.Open(checkpoint);
        return saved
            .Section("module.role.student")
            .ToTensors()
            .ToDictionary(
                t => t.Key,
                t => t.Value.to_type(TorchSharp.torch.ScalarType.Float64).flatten().data<double>().ToArray()
            );
    }
}
