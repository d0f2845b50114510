using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Losses;
using KdPlugins.Models;
using KdPlugins.SelfSupervised;
using KdPlugins.Strategies;
using KdPlugins.Testing;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using TorchSharp;
using Xunit;

namespace KdPlugins.KrrSt.Tests;

/// <summary>Whole runs on small pictures.</summary>
public sealed class StrategyTests : IDisposable
{
    private static readonly TestCatalog Catalog = TestCatalog.Of(
        typeof(KrrStStrategy).Assembly,
        typeof(TwoViewsStrategy).Assembly,
        typeof(CutoutAugmentation).Assembly,
        typeof(ShapesPlugin).Assembly,
        typeof(KdLoss).Assembly,
        typeof(CifarResNetPlugin).Assembly,
        typeof(SupervisedStrategy).Assembly
    );

    private const string Views =
        """[ { "id": "random-crop", "options": { "padding": 1 } }, { "id": "horizontal-flip" }, { "id": "normalise" } ]""";

    private const string Shapes = """ "id": "shapes", "options": { "size": 8, "train": 90, "test": 24 } """;

    private const string Small = """
        "images": 24, "pool": { "networks": 2, "steps": 3 }, "distil": { "steps": 9, "batch": 24, "learningRate": 0.01 },
        "preTrain": { "epochs": 3 }
        """;

    private readonly RecipeRun _runs = new(Catalog);

    public void Dispose() => _runs.Dispose();

    private static string Recipe(
        string options = Small,
        string strategy = "krr-st",
        string sources = "",
        string augmentations =
            $$""" "student": {{Views}}, "target": {{Views}}, "teacher": [ { "id": "normalise" } ] """,
        string losses = """{ "id": "cross-entropy" }""",
        int epochs = 1
    ) =>
        $$"""
            { "name": "krr", "dataset": { {{Shapes}} }, "sources": { {{sources}} },
              "models": { "student": { "id": "cifar-resnet", "options": { "depth": 8 } }, "target": { "like": "student" },
                          "teacher": { "like": "student" } },
              "augmentations": { {{augmentations}} },
              "strategy": { "id": "{{strategy}}", "options": { {{options}} } },
              "prepare": [ { "name": "target", "strategy": { "id": "two-views", "options": { "role": "target" } },
                             "losses": [ { "id": "barlow-twins", "options": { "role": "target", "projector": [16] } } ],
                             "training": { "epochs": 1 } } ],
              "losses": [ {{losses}} ], "training": { "epochs": {{epochs}}, "batchSize": 16 } }
            """;

    private string Distilled(string run) => Path.Combine(_runs.Path(run), "outputs", "distilled");

    private void Fails(ErrorCode code, string said, string recipe)
    {
        var failure = Assert.Throws<KdException>(() => _runs.Whole(recipe, $"run-{Guid.NewGuid():n}", 2));
        Assert.Equal(code, failure.Code);
        Assert.Contains(said, failure.Message);
    }

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

    private List<double> Values(string recipe, string stage, string name)
    {
        var values = new List<double>();
        var observer = new Recorder(stage, name, values);
        var options = new SessionOptions { Observer = observer, LogEvery = 1 };
        Experiment.Run(
            _runs.Read(recipe),
            _runs.Path($"run-{Guid.NewGuid():n}"),
            Catalog,
            options,
            new ResumeOptions(),
            CancellationToken.None
        );
        return values;
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

    [Theory]
    [InlineData("random")]
    [InlineData("k-means")]
    public void Pre_training_on_labels_learns_the_classes_of_the_images_that_were_picked(string start)
    {
        var options = $$"""
            "start": "{{start}}", "images": 20, "distil": { "steps": 0 },
            "preTrain": { "objective": "labels", "epochs": 60, "learningRate": 0.03 }
            """;
        var recipe = Recipe(options, epochs: 0);
        var loss = Values(recipe, "pre-train", "loss");
        Assert.InRange(loss.TakeLast(8).Average(), 0, 0.6 * Math.Log(12)); // ln 12: nothing learned

        // What the checkpoint holds, against the data set itself.
        _runs.Pieces(recipe, "run", 50);
        var kept = Directory
            .GetFiles(_runs.Path("run"), "*.safetensors", SearchOption.AllDirectories)
            .Where(f => f.Contains("checkpoints"))
            .ToList();
        var images = Kept<float>(kept, "images").Select(v => (byte)Math.Round(255 * v)).Chunk(3 * 8 * 8);
        var labels = Kept<long>(kept, "labels");
        var real = Real();
        Assert.Equal(20, labels.Length);
        Assert.All(
            images.Zip(labels),
            pair => Assert.Equal(pair.Second, Assert.Single(real, r => r.Pixels.SequenceEqual(pair.First)).Label)
        );
        Assert.True(labels.Distinct().Count() > 3);
    }

    private static T[] Kept<T>(IEnumerable<string> files, string name)
        where T : unmanaged
    {
        foreach (var path in files.OrderDescending())
        {
            using var file = SafeTensorsFile.Open(path);
            var entry = file.Entries.Keys.FirstOrDefault(k => k.EndsWith($"{name}::value"));
            if (entry is not null)
                return MemoryMarshal.Cast<byte, T>(file.Bytes(entry)).ToArray();
        }
        throw new InvalidOperationException($"No checkpoint holds '{name}'.");
    }

    private static List<(byte[] Pixels, long Label)> Real()
    {
        using var scope = torch.NewDisposeScope();
        IPlugin plugin = new ShapesPlugin();
        plugin.Configure(
            new ShapesOptions
            {
                Size = 8,
                Train = 90,
                Test = 24,
            }
        );
        using var shapes = ((ShapesPlugin)plugin).Open("");
        var batch = shapes.Open("train").Read(Enumerable.Range(0, 90).Select(i => (long)i).ToArray());
        var pixels = batch.Input.contiguous().data<byte>().ToArray().Chunk(3 * 8 * 8);
        return [.. pixels.Zip(((ClassIndexTarget)batch.Target).Labels.data<long>().ToArray())];
    }

    [Fact]
    public void The_rate_of_pre_training_on_labels_falls_to_a_tenth_at_half()
    {
        var options = new PreTrainOptions { Objective = "labels" };
        double At(long step, long epochs) => Transfer.rate(options, new Progress("pre-train", step, 4 * epochs, 4));
        Assert.Equal([1, 1, 0.1, 0.1], new[] { At(0, 1000), At(1999, 1000), At(2000, 1000), At(3999, 1000) });
        // PyTorch's MultiStepLR with a milestone at 5 // 2.
        Assert.Equal([1, 1, 0.1, 0.1, 0.1], Enumerable.Range(0, 5).Select(e => At(4 * e + 3, 5)));
        Assert.Equal(1, Transfer.rate(new PreTrainOptions(), new Progress("pre-train", 3999, 4000, 4)));
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
        Fails(CoreErrors.WrongCombination, "need one: kd", Recipe(losses: """{ "id": "kd" }"""));
        Fails(CoreErrors.SourceMissing, "'nowhere'", Recipe(Small + ", \"source\": \"nowhere\""));
        Fails(CoreErrors.SourceMissing, "'distilled'", Recipe("", "krr-st-transfer"));
        Fails(
            CoreErrors.TargetKind,
            "gives ClassIndex",
            Recipe("", "krr-st-transfer", $$""" "distilled": { {{Shapes}} } """)
        );
    }

    [Fact]
    public void Labels_are_learned_from_real_images_that_have_some()
    {
        const string labels = """ "preTrain": { "epochs": 2, "objective": "labels" } """;
        const string picked = labels + """, "images": 20, "distil": { "steps": 0 }""";
        Fails(CoreErrors.WrongCombination, "as they were picked", Recipe(labels));
        Fails(CoreErrors.WrongCombination, "as they were picked", Recipe(picked + ", \"start\": \"noise\""));
        // The set that is written has targets only.
        _runs.Whole(Recipe(picked, epochs: 0), "picked", 2);
        const string stored = """ "id": "distilled-set", "options": { "path": "picked/outputs/distilled" } """;
        var set = $$""" "distilled": { {{stored}} } """;
        Fails(CoreErrors.TargetKind, "on ClassIndex targets by labels", Recipe(labels, "krr-st-transfer", set));
        Fails(
            CoreErrors.TargetKind,
            "the source 'distilled' gives Soft",
            Recipe(picked + ", \"source\": \"distilled\"", sources: set)
        );

        // Any data with labels can be pre-trained on.
        var transfer = Recipe(labels, "krr-st-transfer", $$""" "distilled": { {{Shapes}} } """, epochs: 0);
        Assert.Equal(5 + 2 * 5, (long)_runs.Whole(transfer, "transfer")["steps"]!);
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

    private abstract class Quiet : IRunObserver
    {
        public virtual void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double rate) { }

        public void RunStarted(long seed, string path) { }

        public void StageStarted(Progress progress) { }

        public void Evaluated(Progress progress, Evaluation evaluation) { }

        public void CheckpointWritten(Progress progress, string path) { }

        public void Warned(string message) { }
    }

    private sealed class Recorder(string stage, string name, List<double> values) : Quiet
    {
        public override void StepDone(Progress progress, IReadOnlyDictionary<string, double>? found, double rate)
        {
            if (progress.Stage == stage && found is not null && found.TryGetValue(name, out var value))
                values.Add(value);
        }
    }

    private sealed class LiveCounter(List<long> counts) : Quiet
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
