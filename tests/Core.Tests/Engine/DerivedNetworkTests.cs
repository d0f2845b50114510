using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>A network that goes on from another one's answer, and losses by what they need.</summary>
public sealed class DerivedNetworkTests : IDisposable
{
    private readonly RecipeRun _runs = new(EngineRun.Catalog.With(typeof(DerivedStrategy)));

    public void Dispose()
    {
        DerivedStrategy.Step = (_, _) => throw new InvalidOperationException("Nothing to do.");
        _runs.Dispose();
    }

    private static string Recipe(string precision = "float32") =>
        $$"""
            { "name": "derived", "precision": "{{precision}}",
              "dataset": { "id": "shapes", "options": { "size": 8, "train": 24, "test": 8 } }, "validation": { "count": 8 },
              "models": { "teacher": { "id": "tiny" }, "student": { "id": "tiny" } },
              "losses": [ { "id": "cross-entropy" }, { "id": "kd", "weight": 0.5 } ],
              "strategy": { "id": "proof-derived" }, "training": { "epochs": 1, "batchSize": 16 } }
            """;

    // Runs one step, whose objective is what the function gives.
    private void In(Func<IStepContext, Batch, Tensor> objective, string precision = "float32")
    {
        DerivedStrategy.Step = objective;
        _runs.Whole(Recipe(precision), "run");
    }

    private static Dictionary<string, ModelOutput> Outputs(params (string Role, ModelOutput Output)[] answers) =>
        answers.ToDictionary(a => a.Role, a => a.Output);

    private static Tensor CrossEntropy(ModelOutput output, Batch batch) =>
        nn.functional.cross_entropy(output.Logits, ((ClassIndexTarget)batch.Target).Labels);

    [Theory]
    [InlineData("float32")]
    [InlineData("bf16")]
    public void It_goes_on_from_what_the_other_one_said_in_the_mode_and_precision_of_the_run(string precision) =>
        In(
            (step, batch) =>
            {
                var answered = step.Forward("student", batch, ["map"]);
                answered.Feature("map").retain_grad();
                var derived = step.ForwardFrom("derived", answered, ["sum"]);
                Assert.True(((INetwork)DerivedStrategy.Made).Module.training);
                Assert.Equal(ScalarType.Float32, derived.Logits.dtype);
                Assert.Equal(precision == "bf16" ? ScalarType.BFloat16 : ScalarType.Float32, DerivedStrategy.Made.Seen);
                derived.Logits.square().sum().backward(retain_graph: true);
                Assert.True(answered.Feature("map").grad!.norm().item<float>() > 0);
                Assert.All(((INetwork)DerivedStrategy.Made).Module.parameters(), p => Assert.NotNull(p.grad));
                return CrossEntropy(derived, batch);
            },
            precision
        );

    [Fact]
    public void A_role_that_the_stage_does_not_train_answers_without_graph() =>
        In(
            (step, batch) =>
            {
                var answered = step.Forward("student", batch, ["map"]);
                Assert.True(answered.Logits.requires_grad);
                Assert.False(step.ForwardFrom("still", answered, null).Logits.requires_grad);
                return CrossEntropy(answered, batch);
            }
        );

    [Fact]
    public void A_network_that_computes_from_its_input_alone_is_refused_by_name()
    {
        var failure = Assert.Throws<KdException>(() =>
            In((step, batch) => step.ForwardFrom("student", step.Forward("student", batch, ["map"]), null).Logits.sum())
        );
        Assert.Equal("KDP0306", failure.Code.Id);
        Assert.Contains("'student'", failure.Message);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 0)]
    [InlineData(0, 3)]
    [InlineData(0.5, 4)]
    public void Losses_are_weighted_by_whether_they_need_a_teacher(double own, double guided) =>
        In(
            (step, batch) =>
            {
                var answered = step.Forward("student", batch, ["map"]);
                var derived = step.ForwardFrom("derived", answered, null);
                var outputs = Outputs(("student", answered), ("derived", derived.Detach()));
                var value = step.Objective(outputs, "student", "derived", batch, own, guided);
                var expected =
                    CrossEntropy(answered, batch) * own
                    + KdMath.KlDivergence(answered.Logits, derived.Logits.detach(), 4) * 0.5 * guided;
                Assert.Equal(expected.item<float>(), value.item<float>(), 1e-5f);
                return value;
            }
        );

    [Fact]
    public void What_has_the_weight_0_is_not_computed()
    {
        In(
            (step, batch) =>
            {
                var answered = step.Forward("student", batch, null);
                // There is no answer of the teacher that kd would ask for.
                return step.Objective(Outputs(("student", answered)), "student", "derived", batch, 1, 0);
            }
        );
        var events = File.ReadAllText(System.IO.Path.Combine(_runs.Path("run"), "events.jsonl"));
        Assert.Contains("\"cross-entropy.student.derived\"", events);
        Assert.DoesNotContain("\"kd.", events);
    }

    [Fact]
    public void Who_learns_from_nobody_beside_one_that_is_taught_has_the_losses_that_need_no_teacher() =>
        In(
            (step, batch) =>
            {
                var derived = step.ForwardFrom("derived", step.Forward("student", batch, ["map"]), null);
                var value = step.Objective(Outputs(("derived", derived)), "derived", null!, batch);
                Assert.Equal(CrossEntropy(derived, batch).item<float>(), value.item<float>(), 1e-6f);
                return value;
            }
        );
}

/// <summary>A student, and heads on its map: "derived" learns with it, "still" is left as it is.</summary>
[KdStrategy("proof-derived")]
public sealed class DerivedStrategy : DistillationStrategy<NoOptions>
{
    internal static Func<IStepContext, Batch, Tensor> Step { get; set; } = (_, _) => zeros(1);

    internal static MapHead Made { get; private set; } = null!;

    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var student = context.Network(Roles.Student);
        context.AddRole("derived", Made = new(student));
        context.AddRole("still", new MapHead(student));
        Trainable[] own = [context.TrainableOf(Roles.Student, ["derived"]), context.TrainableOf("derived", [])];
        return
        [
            new Stage("train", StageLength.Steps(1), step => step.Update(own, () => Step(step, step.Next("train"))))
            {
                Trainables = own,
                Trains = [Roles.Student, "derived"],
                Evaluates = [Roles.Student, "derived"],
            },
        ];
    }

    /// <summary>A classifier of the sums of a network's map.</summary>
    internal sealed class MapHead : nn.Module, IDerivedNetwork
    {
        // In a field of its own the other network would be registered as a part.
        private readonly Func<INetwork> _other;
        private readonly Linear fc;

        internal MapHead(INetwork other)
            : base(nameof(MapHead))
        {
            _other = () => other;
            var channels = other.Shape.Tap("map").Shape[0];
            fc = nn.Linear(channels, other.Shape.Classes);
            RegisterComponents();
            Shape = new(other.Shape.Input, other.Shape.Classes, 0, [new Tap("sum", [channels], false)]);
        }

        internal ScalarType Seen { get; private set; }

        public nn.Module Module => this;

        public NetworkShape Shape { get; }

        public IReadOnlyCollection<string> Basis => ["map"];

        public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps) =>
            ForwardFrom(_other().Forward(input, mask, Basis), taps);

        public ModelOutput ForwardFrom(ModelOutput basis, IReadOnlyCollection<string> taps)
        {
            var sum = basis.Feature("map").sum([2, 3]);
            var logits = fc.call(sum);
            Seen = logits.dtype;
            return new(logits, null, new Dictionary<string, Tensor> { ["sum"] = sum });
        }
    }
}
