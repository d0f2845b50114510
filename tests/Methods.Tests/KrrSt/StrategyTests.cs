using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Testing;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using TorchSharp;
using Xunit;

namespace KdPlugins.KrrSt.Tests;

/// <summary>Whole runs on small pictures.</summary>
public sealed class StrategyTests : KrrRunTests
{
    [Fact]
    public void A_run_in_pieces_ends_where_the_whole_one_does()
    {
        // Networks of the pool begin anew on the way, and every stage is cut somewhere.
        var recipe = Recipe(Small + """, "freeKd": { "epochs": 2 } """, epochs: 2);
        var whole = _runs.Whole(recipe, "whole");
        var (pieces, sittings) = _runs.Pieces(recipe, "pieces", 2);

        Assert.True(sittings > 12);
        foreach (var file in new[] { "student-last.safetensors", "outputs/distilled/data.safetensors" })
            Assert.Equal(_runs.Sha256("whole", file), _runs.Sha256("pieces", file));
        Assert.Equal((long)whole["steps"]!, (long)pieces["steps"]!);
    }

    [Fact]
    public void The_set_that_was_learned_is_the_data_of_other_strategies()
    {
        _runs.Whole(Recipe(epochs: 0), "distil");
        using (var set = DistilledSet.Open(Distilled("distil"), 1 << 20))
        {
            Assert.Equal((24, 12), (set.Card.Count, set.Card.Classes));
            Assert.Equal([24, 64], set.Soft.shape);
            Assert.Equal("krr-st", set.Card.Provenance["method"]);
            Assert.Equal(64, set.Card.Provenance["recipe-sha256"].Length);
        }
        const string stored =
            """ "id": "distilled-set", "options": { "path": "distil/outputs/distilled", "target": "soft" } """;

        // As a source that any architecture pre-trains on,
        var transfer = _runs.Whole(
            Recipe(
                """ "preTrain": { "epochs": 2 }, "freeKd": { "epochs": 1 } """,
                "krr-st-transfer",
                $$""" "distilled": { {{stored}} } """
            ),
            "transfer"
        );
        Assert.Equal(5 + 2 + 1 + 5, (long)transfer["steps"]!);

        // and as the main data of ordinary distillation.
        var offline = $$"""
            { "name": "offline", "strategy": { "id": "offline" },
              "dataset": { {{stored.Replace("\"soft\"", "\"none\"")}} },
              "sources": { "validation": { "split": "train", {{Shapes}} }, "test": { "split": "test", {{Shapes}} } },
              "models": { "teacher": { "id": "cifar-resnet", "options": { "depth": 8 } }, "student": { "like": "teacher" } },
              "augmentations": { "shared": [ { "id": "normalise" } ] },
              "losses": [ { "id": "kd" } ], "training": { "epochs": 1, "batchSize": 8 } }
            """;
        Assert.Equal(3, (long)_runs.Whole(offline, "offline")["steps"]!);
    }

    [Fact]
    public void Distillation_lowers_its_objective_on_real_images()
    {
        var seen = Values(
            Recipe(
                """
                "images": 32, "pool": { "networks": 1, "steps": 4 },
                "distil": { "steps": 40, "batch": 48, "learningRate": 0.05, "lastRate": 1 }, "preTrain": { "epochs": 0 }
                """,
                epochs: 0
            ),
            "distil",
            "loss"
        );
        // The mean holds both updates of a step, that of the set and that of the network.
        Assert.Equal(40, seen.Count);
        Assert.True(seen.TakeLast(8).Average() < seen.Take(8).Average());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Gotcha_1_a_network_that_begins_anew_counts_from_0_unless_told_otherwise(bool reset)
    {
        var options = $$"""
            "images": 8, "pool": { "networks": 1, "steps": 5, "resetCounter": {{(reset ? "true" : "false")}} },
            "distil": { "steps": 14, "batch": 8 }, "preTrain": { "epochs": 0 }
            """;
        var counts = Values(Recipe(options, epochs: 0), "distil", "network-steps");
        var generations = Values(Recipe(options, epochs: 0), "distil", "network-generation");

        var (count, generation) = (counts[0] - 1, 0);
        for (var i = 0; i < counts.Count; i++)
        {
            if (count < 5)
                count++;
            else
            {
                generation++;
                count = reset ? 0 : 5;
            }
            Assert.Equal((count, (double)generation), (counts[i], generations[i]));
        }
        Assert.True(reset ? generation is 2 or 3 : generation >= 9);
    }

    [Fact]
    public void Golden_learning_rates_of_160000_steps()
    {
        var schedule = Distilling.Schedule(1e-3);
        double At(long step) => 1e-4 * schedule(new Progress("distil", step, 160_000, 1));
        Assert.Equal(9.9999375625e-5, At(1), 15);
        Assert.Equal(5.005e-5, At(80_000), 15);
        Assert.Equal(1.00624e-7, At(159_999), 12);
        Assert.Equal(1e-7, At(160_000), 15);
    }

    [Theory]
    [InlineData("random")]
    [InlineData("k-means")]
    [InlineData("noise")]
    public void Without_distillation_the_set_is_what_it_began_as(string start)
    {
        var options =
            $$""" "start": "{{start}}", "images": 20, "distil": { "steps": 0 }, "preTrain": { "epochs": 1 } """;
        _runs.Whole(Recipe(options, epochs: 0), "run");
        using var set = DistilledSet.Open(Distilled("run"), 1 << 20);
        using var scope = torch.NewDisposeScope();
        // Networks take real images raw, as the released code does; on disk they are brought to pixels like all inputs.
        var mean = torch.tensor(set.Card.Mean.Select(m => (float)m).ToArray()).view(1, 3, 1, 1);
        var std = torch.tensor(set.Card.Std.Select(s => (float)s).ToArray()).view(1, 3, 1, 1);
        var raw = (set.Images - mean) / std;
        var inside = raw.min().item<float>() > -1e-4 && raw.max().item<float>() < 1.0001;
        Assert.Equal(start != "noise", inside);
        Assert.Equal(20, raw.flatten(1).unique(dim: 0).output.shape[0]);
    }

    [Fact]
    public void Several_seeds_share_the_target_model_and_learn_sets_of_their_own()
    {
        var recipe = Recipe(epochs: 0)
            .Replace("\"name\": \"krr\"", "\"name\": \"krr\", \"seeds\": [1, 2]")
            .Replace("\"name\": \"target\"", "\"name\": \"target\", \"once\": true");
        _runs.Whole(recipe, "run", 6);

        const string set = "outputs/distilled/data.safetensors";
        Assert.NotEqual(_runs.Sha256("run/seed-1", set), _runs.Sha256("run/seed-2", set));
        var second = JsonNode.Parse(File.ReadAllText(Path.Combine(_runs.Path("run/seed-2"), "report.json")))!;
        Assert.Equal(
            _runs.Sha256("run/seed-1", "target-last.safetensors"),
            (string)second["hashes"]!["networks"]!["target"]!
        );
    }

    [Fact]
    public void Leaks_nothing_from_step_to_step()
    {
        var options = """
            "images": 8, "pool": { "networks": 2, "steps": 1000 }, "distil": { "steps": 60, "batch": 8 },
            "preTrain": { "epochs": 0 }
            """;
        var live = new List<long>();
        var session = new SessionOptions
        {
            Observer = new LiveCounter(live),
            MaxStepsPerStage = 60,
            LogEvery = 1000,
        };
        Experiment.Run(
            _runs.Read(Recipe(options, epochs: 0)),
            _runs.Path("run"),
            Catalog,
            session,
            new ResumeOptions(),
            CancellationToken.None
        );
        // Up to two batches of three tensors are read ahead while a step is counted; what is left behind would add up,
        // to 40 from a single tensor of a step.
        Assert.True(live.Count >= 60);
        Assert.InRange(live.TakeLast(10).Min() - live.Skip(10).Take(10).Min(), -6, 6);
    }

    [Fact]
    public void What_contradicts_the_method_is_refused()
    {
        Fails(
            CoreErrors.WrongCombination,
            "under \"shared\"",
            Recipe(augmentations: """ "shared": [ { "id": "normalise" } ] """)
                .Replace("\"training\": { \"epochs\": 1 }", "\"training\": { \"epochs\": 0 }")
        );
        Fails(CoreErrors.WrongCombination, "\"normalised\" is false", Recipe(Small + ", \"normalised\": false"));
        Fails(CoreErrors.WrongCombination, "has 81", Recipe(Small.Replace("\"images\": 24", "\"images\": 82")));
        Fails(CoreErrors.NobodyTeaches, "need one: kd", Recipe(losses: """{ "id": "kd" }"""));
        Fails(CoreErrors.SourceMissing, "'nowhere'", Recipe(Small + ", \"source\": \"nowhere\""));
        Fails(CoreErrors.SourceMissing, "'distilled'", Recipe("", "krr-st-transfer"));
        Fails(
            CoreErrors.TargetKind,
            "gives ClassIndex",
            Recipe("", "krr-st-transfer", $$""" "distilled": { {{Shapes}} } """)
        );
    }

    [Theory]
    [InlineData("\"images\": 0", "strategy.options.images")]
    [InlineData("\"start\": \"kmeans\"", "strategy.options.start")]
    [InlineData("\"pool\": { \"networks\": 0 }", "strategy.options.pool.networks")]
    [InlineData("\"pool\": { \"size\": 3 }", "strategy.options.pool.size")]
    [InlineData("\"distil\": { \"ridge\": 0 }", "strategy.options.distil.ridge")]
    [InlineData("\"preTrain\": { \"learningRate\": 0 }", "strategy.options.preTrain.learningRate")]
    [InlineData("\"preTrain\": { \"objective\": \"label\" }", "strategy.options.preTrain.objective")]
    [InlineData("\"freeKd\": { \"epochs\": -1 }", "strategy.options.freeKd.epochs")]
    [InlineData("\"target\": \"nobody\"", "nobody")]
    public void Options_out_of_bounds_are_refused(string options, string said)
    {
        var failure = Assert.Throws<RecipeException>(() => _runs.Read(Recipe(options)));
        Assert.Contains(said, failure.Message);
    }

    private sealed class LiveCounter(List<long> counts) : QuietObserver
    {
        public override void StepDone(Progress progress, IReadOnlyDictionary<string, double>? found, double rate)
        {
            if (progress.Stage != "distil")
                return;
            // What planning left to the collector is not to go in the midst of counting.
            GC.Collect();
            GC.WaitForPendingFinalizers();
            counts.Add(LiveTensors.Count); // of all threads: batches are read by others
        }
    }
}
