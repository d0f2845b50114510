using KdPlugins.Core;
using KdPlugins.Models;
using KdPlugins.Testing;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Frskd.Tests;

/// <summary>The plan, and which way gradients go in a step of it.</summary>
public sealed class StrategyTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void One_stage_trains_student_and_self_teacher_in_one_update()
    {
        var plan = new PlanStub();
        var stage = plan.Stage();
        Assert.Equal("distil", stage.Name);
        Assert.Equal(StageLength.Epochs(3), stage.Length);
        Assert.Equal(["student", "self-teacher"], stage.Trainables.Select(t => t.Name));
        Assert.Equal(["student", "self-teacher"], stage.Trains);
        Assert.Equal(["student", "self-teacher"], stage.Evaluates);
        Assert.Equal(["student by self-teacher", "self-teacher by "], plan.Pairs);
        Assert.Equal("student", plan.ViewsLike);
        Assert.Equal(["layer1", "layer2", "layer3"], plan.Made!.Basis);
    }

    [Fact]
    public void By_itself_the_self_teacher_answers_as_it_does_to_the_students_maps()
    {
        using var none = no_grad();
        var plan = new PlanStub();
        plan.Stage();
        var x = randn(2, 3, 8, 8);
        plan.Student.Module.eval();
        plan.Made!.Module.eval();
        var answered = plan.Student.Forward(x, null, [.. plan.Made.Basis]);
        var (whole, part) = (plan.Made.Forward(x, null, ["layer2"]), plan.Made.ForwardFrom(answered, ["layer2"]));
        Assert.True(whole.Logits.equal(part.Logits).all().item<bool>());
        Assert.True(whole.Feature("layer2").equal(part.Feature("layer2")).all().item<bool>());
    }

    // Its labels reach the student through the maps; what it teaches reaches the student and not itself.
    [Theory]
    [InlineData(true, true, true)]
    [InlineData(false, true, false)]
    public void Golden_7_which_way_gradients_go(bool labels, bool student, bool selfTeacher)
    {
        var plan = new PlanStub();
        var step = new StepStub(plan, labels);
        plan.Stage().Step.Invoke(step);
        var trunk = plan.Student.Module.get_parameter("conv1.weight")!;
        Assert.Equal(student, Reached(trunk));
        Assert.Equal(selfTeacher, plan.Made!.Module.parameters().Any(Reached));
    }

    private static bool Reached(Parameter p) => p.grad is { } gradient && gradient.norm().item<float>() > 0;

    [Theory]
    [InlineData(0, 0, 0, 1)]
    [InlineData(1, 2, 0, 0)]
    [InlineData(2, 2, 4, 0.0600545)]
    [InlineData(5, 2, 4, 1)]
    public void What_the_self_teacher_teaches_rises_after_the_silent_epochs(
        int epoch,
        int silent,
        int ramp,
        double weight
    )
    {
        var plan = new PlanStub
        {
            Options = new() { SilentEpochs = silent, RampEpochs = ramp },
        };
        var step = new StepStub(plan, labels: true) { Progress = new("distil", epoch * 7 + 3, 700, 7) };
        plan.Stage().Step.Invoke(step);
        Assert.Equal(weight, step.Guided, 1e-6);
        Assert.Equal(1, step.Own);
    }

    private sealed class PlanStub : PlanContextStub
    {
        public PlanStub()
            : base("student") => TeacherLosses = ["kd"];

        public FrskdOptions Options { get; init; } = new();

        public INetwork Student { get; } =
            Stubs
                .Plugin<CifarResNetPlugin>(new CifarResNetOptions { Depth = 8 })
                .Create(new([3, 8, 8], 10, Stubs.Data([3, 8, 8], 10)));

        public List<string> Pairs { get; } = [];

        public string? ViewsLike { get; private set; }

        public IDerivedNetwork? Made { get; private set; }

        public Stage Stage() => Assert.Single(Stubs.Plugin<FrskdStrategy>(Options).Plan(this));

        public override INetwork Network(string role) => Student;

        public override void AddRole(string role, INetwork network, string viewsLike)
        {
            Assert.Equal("self-teacher", role);
            (Made, ViewsLike) = ((IDerivedNetwork)network, viewsLike);
        }

        public override Trainable TrainableOf(string role, IReadOnlyCollection<string> teachers)
        {
            Pairs.Add($"{role} by {string.Join(',', teachers)}");
            return new(role, Array.Empty<(string, Parameter)>(), null, null);
        }
    }

    // Either the labels of the self-teacher count, or what it teaches.
    private sealed class StepStub(PlanStub plan, bool labels) : StepContextStub
    {
        public double Own { get; private set; }

        public double Guided { get; private set; }

        public override Batch Next(string source) =>
            new(randn(4, 3, 8, 8), new ClassIndexTarget(arange(4, ScalarType.Int64)), arange(4, ScalarType.Int64));

        public override Batch View(string role, Batch batch) => batch;

        public override ModelOutput Forward(string role, Batch batch, IReadOnlyCollection<string>? taps) =>
            plan.Student.Forward(batch.Input, null, taps);

        public override ModelOutput ForwardFrom(string role, ModelOutput basis, IReadOnlyCollection<string>? taps) =>
            plan.Made!.ForwardFrom(basis, ["layer1", "layer2", "layer3"]);

        public override Tensor Objective(
            IReadOnlyDictionary<string, ModelOutput> outputs,
            string studentRole,
            string teacherRole,
            Batch batch,
            double own,
            double guided
        )
        {
            (Own, Guided) = (own, guided);
            var (s, t) = (outputs[studentRole], outputs[teacherRole]);
            var features = plan.Made!.Basis.Select(tap => FrskdMath.Attention(s.Feature(tap), t.Feature(tap)));
            var taught = KdMath.KlDivergence(s.Logits, t.Logits, 4) + features.Aggregate((a, b) => a + b);
            return taught * (labels ? 0 : guided);
        }

        public override Tensor Objective(
            IReadOnlyDictionary<string, ModelOutput> outputs,
            string studentRole,
            string teacherRole,
            Batch batch
        )
        {
            Assert.Equal(("self-teacher", null), (studentRole, teacherRole));
            var target = ((ClassIndexTarget)batch.Target).Labels;
            return nn.functional.cross_entropy(outputs[studentRole].Logits, target) * (labels ? 1 : 0);
        }

        public override Tensor Update(IReadOnlyList<Trainable> trainables, Func<Tensor> objective)
        {
            var total = objective();
            total.backward();
            return total.detach();
        }
    }
}
