using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static KdPlugins.Core.Tests.Engine.StepServicesTests;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>
/// What a step draws from libtorch's default generators follows from its number alone: whatever the engine does between a
/// step's own draws, mostly once per process, moves nothing.
/// </summary>
public sealed class DrawTests : IDisposable
{
    private readonly RecipeRun _runs = new(
        EngineRun.Catalog.With(
            typeof(FreezableModel),
            typeof(ServicesStrategy),
            typeof(DrawingSourceStrategy),
            typeof(DrawingPlanStrategy)
        )
    );

    public void Dispose()
    {
        ServicesStrategy.Step = (_, _) => { };
        DrawCheck.Enabled = true;
        _runs.Dispose();
    }

    private static string Recipe(string strategy, string teacher = "{}", string student = "{}") =>
        $$"""
            { "name": "draws", "dataset": { "id": "shapes", "options": { "size": 8, "train": 64, "test": 8 } },
              "models": { "teacher": { "id": "freezable", "options": {{teacher}} },
                          "student": { "id": "freezable", "options": {{student}} } },
              "strategy": { "id": "{{strategy}}" },
              "losses": [ { "id": "cross-entropy" }, { "id": "kd" } ], "training": { "epochs": 2, "batchSize": 16 } }
            """;

    // Restored state or not, a network that draws when it is frozen gives the same student.
    [Theory]
    [InlineData("{}", true)]
    [InlineData("""{ "drawsWhenFrozen": true }""", false)]
    public void A_student_with_dropout_and_rand_resumes_beside_a_frozen_teacher(string teacher, bool checks)
    {
        DrawCheck.Enabled = checks;
        var recipe = Recipe("offline", teacher, """{ "dropout": 0.3 }""");
        FreezableModel.Frozen = 0;
        var whole = _runs.Whole(recipe, "whole");
        Assert.Equal(1, FreezableModel.Frozen);
        DrawCheck.Enabled = checks;
        var (pieces, sittings) = _runs.Pieces(recipe, "pieces", 3);
        Assert.Equal(1 + sittings, FreezableModel.Frozen);
        Assert.True(sittings > 1);
        Assert.Equal((string)whole["student"]!["sha256"]!, (string)pieces["student"]!["sha256"]!);
    }

    [Fact]
    public void Freezing_that_draws_is_named_where_that_is_looked_for()
    {
        DrawCheck.Enabled = true;
        var failure = Assert.Throws<KdException>(() =>
            _runs.Whole(Recipe("offline", """{ "drawsWhenFrozen": true }"""), "run")
        );
        Assert.Equal("KDP0720", failure.Code.Id);
        Assert.Contains("Freezing the role 'teacher'", failure.Message);
    }

    [Fact]
    public void A_source_that_draws_is_named_where_that_is_looked_for()
    {
        var failure = Assert.Throws<KdException>(() => _runs.Whole(Recipe("proof-drawing-source"), "run"));
        Assert.Equal("KDP0720", failure.Code.Id);
        Assert.Contains("'dice'", failure.Message);
    }

    [Fact]
    public void An_evaluation_in_a_step_moves_nothing_even_if_the_network_draws_in_it()
    {
        float[] Drawn(string name, bool evaluates)
        {
            var drawn = new List<float>();
            ServicesStrategy.Step = (step, _) =>
            {
                if (evaluates)
                    step.Evaluate("teacher", "test", 4);
                drawn.Add(rand(1).item<float>());
            };
            var teacher = """{ "drawsInEvaluation": true, "dropout": 0.5 }""";
            _runs.Whole(Recipe("proof-services", teacher), name);
            return [.. drawn];
        }
        Assert.Equal(Drawn("without", false), Drawn("with", true));
    }

    [Fact]
    public void Weights_that_change_in_a_stage_are_frozen_anew_and_others_once()
    {
        void Check(string name, bool changes, int expected)
        {
            FreezableModel.Frozen = 0;
            ServicesStrategy.Step = (step, _) =>
            {
                using var noGrad = no_grad();
                var (batch, network) = (step.Next("train"), ServicesStrategy.Network("teacher"));
                if (changes)
                    network.Module.parameters().First().mul_(1.1);
                var exact = network.Forward(batch.Input, null, []).Logits;
                Assert.True(step.Consult("teacher", batch, []).Logits.allclose(exact, 1e-5, 1e-6));
            };
            _runs.Whole(Recipe("proof-services"), name);
            Assert.Equal(expected, FreezableModel.Frozen);
        }
        Check("still", changes: false, 1);
        Check("changing", changes: true, 3);
    }

    [Fact]
    public void A_plan_draws_the_same_in_every_process()
    {
        float Planned(string name, long seed)
        {
            random.manual_seed(seed);
            _runs.Whole(Recipe("proof-drawing-plan"), name);
            return DrawingPlanStrategy.Drawn;
        }
        Assert.Equal(Planned("one", 1), Planned("two", 2));
    }

    /// <summary>Reads a source of its own that draws from the default generator.</summary>
    [KdStrategy("proof-drawing-source")]
    public sealed class DrawingSourceStrategy : DistillationStrategy<NoOptions>
    {
        public override IReadOnlyList<Stage> Plan(IPlanContext context)
        {
            context.AddSource("dice", new Dice());
            return [new Stage("only", StageLength.Steps(1), step => step.Next("dice"))];
        }

        private sealed class Dice : IDataSource
        {
            public long Count => 16;

            public Batch Read(ReadOnlyMemory<long> indices) =>
                new(rand(indices.Length, 3, 8, 8), new NoTarget(indices.Length), tensor(indices.ToArray()));
        }
    }

    /// <summary>Draws when it plans.</summary>
    [KdStrategy("proof-drawing-plan")]
    public sealed class DrawingPlanStrategy : DistillationStrategy<NoOptions>
    {
        internal static float Drawn { get; private set; }

        public override IReadOnlyList<Stage> Plan(IPlanContext context)
        {
            Drawn = rand(1).item<float>();
            return [new Stage("only", StageLength.Steps(1), _ => { })];
        }
    }
}
