using KdPlugins.Sdk;
using KdPlugins.Testing;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>What a stage says about itself: its epochs, its score, the sources it learns from and is judged by.</summary>
public sealed class StageTests : IDisposable
{
    private const string Options = "\"size\": 8, \"train\": 64, \"test\": 32";

    private readonly RecipeRun _runs = new(EngineRun.Catalog.With(typeof(CountingStrategy)));

    public void Dispose() => _runs.Dispose();

    private static string Recipe(string strategy, string more = "") =>
        $$"""
            { "name": "stages", "dataset": { "id": "shapes", "options": { {{Options}} } },
              "models": { "student": { "id": "tiny" } }, "losses": [ { "id": "cross-entropy" } ],
              "strategy": {{strategy}}, "training": { "epochs": 2, "batchSize": 16 },
              "evaluation": { "batchSize": 5 } {{more}} }
            """;

    [Fact]
    public void A_stage_without_data_counts_its_own_epochs_and_is_scored_after_each()
    {
        _runs.Whole(Recipe("""{ "id": "counting" }"""), "run");
        var seen = CountingStrategy.Seen;
        Assert.Equal([0, 0, 0, 1, 1, 1, 2], seen.Epochs);
        Assert.Equal(3, seen.Scores);
        // The best of the scores 1, 2, 0 is the second: the weight then stood at 6 steps.
        Assert.Equal(6, seen.Weight);
    }

    [Fact]
    public void A_visit_goes_through_a_source_once_in_order_with_evaluations_augmentations_only()
    {
        _runs.Whole(Recipe("""{ "id": "counting" }"""), "run");
        // A tenth of 64 samples validates; the order of training does not matter.
        Assert.Equal(6, CountingStrategy.Seen.Visited.Count);
        Assert.Equal(CountingStrategy.Seen.Visited.Order(), CountingStrategy.Seen.Visited);
        Assert.Equal([5, 1], CountingStrategy.Seen.VisitedBatches);
        Assert.False(CountingStrategy.Seen.VisitedWithGraph);
    }

    [Fact]
    public void A_role_learns_from_a_source_of_its_own_and_is_evaluated_on_one()
    {
        const string strategy = """{ "id": "supervised", "options": { "source": "far", "validation": "far-test" } }""";
        const string far =
            "\"id\": \"shapes\", \"options\": { \"size\": 8, \"train\": 48, \"test\": 24, \"domainShift\": 1 }";
        var report = _runs.Whole(
            Recipe(strategy, $$""", "sources": { "far": { {{far}} }, "far-test": { {{far}}, "split": "test" } }"""),
            "run"
        );
        // Two epochs of 48 / 16 steps: not of the 58 / 16 that the main set has.
        Assert.Equal(6, (long)report["steps"]!);
        var events = File.ReadAllText(System.IO.Path.Combine(_runs.Path("run"), "events.jsonl"));
        Assert.Contains("student.far-test.accuracy", events);
        Assert.DoesNotContain("student.validation.accuracy", events);
    }

    [Fact]
    public void A_phase_has_batches_of_its_own_size_and_the_next_one_the_recipes()
    {
        var recipe = Recipe(
            """{ "id": "supervised" }""",
            """
            , "prepare": [ { "name": "first", "role": "student", "training": { "epochs": 1, "batchSize": 8 } } ]
            """
        );
        var report = _runs.Whole(recipe, "run");
        // 58 samples train: 7 batches of 8, then two epochs of 3 batches of 16.
        Assert.Equal((7 + 6, (7 * 8) + (6 * 16)), ((long)report["steps"]!, (long)report["samples"]!));
        _runs.Pieces(recipe, "pieces", 3);
        Assert.Equal(
            _runs.Sha256("run", "student-last.safetensors"),
            _runs.Sha256("pieces", "student-last.safetensors")
        );
    }
}

/// <summary>A stage of seven steps in epochs of three that writes down what it sees.</summary>
[KdStrategy("counting")]
public sealed class CountingStrategy : DistillationStrategy<NoOptions>
{
    public sealed class Record
    {
        public List<long> Epochs { get; } = [];
        public int Scores { get; set; }
        public float Weight { get; set; }
        public List<long> Visited { get; } = [];
        public List<long> VisitedBatches { get; } = [];
        public bool VisitedWithGraph { get; set; }
    }

    [ThreadStatic]
    private static Record? _seen;

    public static Record Seen => _seen!;

    public override IReadOnlyCollection<string> Needs => [Roles.Student];

    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var seen = _seen = new();
        var counter = new CounterModule();
        context.State.Register("counter", counter);
        var all = Trainable.Of(
            "all",
            counter,
            new OptimiserSettings
            {
                Name = "sgd",
                LearningRate = 1,
                Momentum = 0,
            },
            _ => 1
        );
        double[] scores = [1, 2, 0];

        void Step(IStepContext step)
        {
            seen.Epochs.Add(step.Progress.Epoch);
            step.Update([all], () => -counter.count.sum());
        }

        double Score(IStepContext step)
        {
            if (seen.Scores == 0)
                step.Visit(
                    "validation",
                    0,
                    batch =>
                    {
                        seen.VisitedBatches.Add(batch.Count);
                        seen.Visited.AddRange(batch.Indices.data<long>().ToArray());
                        seen.VisitedWithGraph |= counter.count.mul(2).requires_grad;
                    }
                );
            return scores[seen.Scores++];
        }

        return
        [
            new Stage("count", StageLength.Steps(7), Step)
            {
                StepsPerEpoch = 3,
                Trainables = [all],
                Score = Score,
                KeepBest = true,
            },
            new Stage("look", StageLength.Steps(1), _ => seen.Weight = counter.count.item<float>()),
        ];
    }

    private sealed class CounterModule : nn.Module
    {
        internal readonly Parameter count = new(zeros(1));

        public CounterModule()
            : base("counter") => RegisterComponents();
    }
}
