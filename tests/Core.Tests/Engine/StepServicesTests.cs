using KdPlugins.Sdk;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>What a step can ask for besides batches in order: samples by number, plain views, optimisers anew.</summary>
public sealed class StepServicesTests : IDisposable
{
    private const string Recipe = """
        { "name": "services", "dataset": { "id": "shapes", "options": { "size": 8, "train": 64, "test": 8 } },
          "models": { "student": { "id": "tiny" } }, "strategy": { "id": "proof-services" },
          "augmentations": { "shared": [ { "id": "proof-plus" }, { "id": "proof-mix" } ], "student": [ { "id": "proof-plus" } ] },
          "losses": [ { "id": "cross-entropy" } ], "training": { "batchSize": 4 } }
        """;

    private readonly RecipeRun _runs = new(EngineRun.Catalog.With(typeof(ServicesStrategy), typeof(PlusAugmentation)));

    public void Dispose()
    {
        ServicesStrategy.Step = (_, _) => { };
        _runs.Dispose();
    }

    [Fact]
    public void Samples_are_read_by_number_as_they_are()
    {
        ServicesStrategy.Step = (step, _) =>
        {
            long[] numbers = [7, 0, 7];
            var batch = step.Read("train", numbers);
            Assert.Equal(numbers, batch.Indices.data<long>());
            Assert.Equal(ScalarType.Float32, batch.Input.dtype);
            Assert.InRange(batch.Input.max().item<float>(), 0, 1);
            Assert.True(batch.Input[0].equal(batch.Input[2]).all().item<bool>());
            Assert.Equal("KDP0305", Assert.Throws<KdException>(() => step.Read("nowhere", numbers)).Code.Id);
        };
        Assert.Equal(3, (long)_runs.Whole(Recipe, "run")["steps"]!);
    }

    [Fact]
    public void A_plain_view_has_what_evaluations_have_and_a_graph()
    {
        ServicesStrategy.Step = (step, _) =>
        {
            var raw = step.Read("train", new long[] { 1, 2 });
            var input = raw.Input.clone().requires_grad_(true);
            var view = step.EvaluationView("student", raw.WithInput(input));
            // One shared, one of the role; what mixes belongs to no evaluation.
            Assert.True(view.Input.detach().equal(raw.Input + 1 + 1).all().item<bool>());
            view.Input.sum().backward();
            Assert.True(input.grad!.eq(1).all().item<bool>());
        };
        _runs.Whole(Recipe, "run");
    }

    [Fact]
    public void A_restarted_optimiser_has_forgotten_its_moments()
    {
        var seen = new List<float>();
        ServicesStrategy.Step = (step, trainable) =>
        {
            var w = trainable.Parameters[0].Item2;
            var before = w.item<float>();
            if (step.Progress.Step == 2)
                step.Restart(trainable);
            // The gradient grows hundredfold; Adam's first step is its rate whatever the gradient.
            var slope = Math.Pow(100, step.Progress.Step);
            step.Update([trainable], () => w.mul(slope).sum());
            seen.Add(w.item<float>() - before);
        };
        _runs.Whole(Recipe, "run");
        Assert.Equal(-0.1f, seen[0], 1e-5f);
        Assert.NotEqual(-0.1f, seen[1], 1e-2f);
        Assert.Equal(-0.1f, seen[2], 1e-5f);
    }

    /// <summary>Three steps of whatever a test wants.</summary>
    [KdStrategy("proof-services")]
    public sealed class ServicesStrategy : DistillationStrategy<NoOptions>
    {
        internal static Action<IStepContext, Trainable> Step { get; set; } = (_, _) => { };

        /// <summary>A role's network of the latest run.</summary>
        internal static Func<string, INetwork> Network { get; private set; } = null!;

        public override IReadOnlyCollection<string> Needs => ["student"];

        public override IReadOnlyList<Stage> Plan(IPlanContext context)
        {
            Network = context.Network;
            var w = new Parameter(zeros(1));
            context.State.Register("w", w);
            var adam = new OptimiserSettings { Name = "adam", LearningRate = 0.1 };
            var trainable = new Trainable("w", [("w", w)], adam, _ => 1);
            return
            [
                new Stage("only", StageLength.Steps(3), step => Step(step, trainable))
                {
                    Trainables = [trainable],
                    End = step => step.Apply(trainable),
                },
            ];
        }
    }

    /// <summary>Adds 1, in evaluations too.</summary>
    [KdAugmentation("proof-plus")]
    public sealed class PlusAugmentation : Augmentation<NoOptions>
    {
        public override bool InEvaluation => true;

        public override Batch Apply(Batch batch, IPartContext context) => batch.WithInput(batch.Input + 1);
    }
}
