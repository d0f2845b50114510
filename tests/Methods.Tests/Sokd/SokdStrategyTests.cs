using KdPlugins.Core;
using KdPlugins.Models;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Sokd.Tests;

/// <summary>The plan, and one step of it held against the published code.</summary>
public sealed class SokdStrategyTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Stage Plan(SokdOptions options, PlanStub? plan = null) =>
        Assert.Single(Stubs.Plugin<SokdStrategy>(options).Plan(plan ?? new PlanStub()));

    private static StepStub Step(SokdOptions options)
    {
        var step = new StepStub();
        Plan(options).Step.Invoke(step);
        return step;
    }

    [Fact]
    public void One_stage_trains_bridge_and_student_in_one_update()
    {
        var plan = new PlanStub();
        var stage = Plan(new(), plan);
        Assert.Equal("distil", stage.Name);
        Assert.Equal(StageLength.Epochs(3), stage.Length);
        Assert.Equal(["bridge", "student"], stage.Trainables.Select(t => t.Name));
        Assert.Equal(["student", "bridge"], stage.Trains);
        Assert.Equal(["student", "bridge"], stage.Evaluates);
        Assert.Null(stage.Begin);
        Assert.Equal(["bridge teacher,student", "student bridge"], plan.Pairs);
        Assert.Equal("student", plan.ViewsLike);
    }

    [Fact]
    public void The_trunk_is_in_training_mode_where_its_norms_are_to_move() =>
        Assert.Equal(["student", "bridge", "teacher"], Plan(new() { TrunkNorms = TrunkNorms.Moving }).Trains);

    // The cut is number 2 of 0 to 4 in the published list [conv1, block1, block2, block3, pooled].
    [Fact]
    public void The_bridge_is_the_teachers_last_stage_and_classifier_with_weights_of_its_own()
    {
        var plan = new PlanStub();
        Plan(new(), plan);
        var bridge = plan.Bridge!;
        Assert.Equal(["layer2"], bridge.Basis);
        var teacher = plan.Network("teacher");
        var maps = teacher.Shape.Taps.Where(t => !t.Name.EndsWith(".preact", StringComparison.Ordinal));
        Assert.Equal(["stem", "layer1", "layer2", "layer3", "pooled"], maps.Select(t => t.Name));
        Assert.Equal(teacher.Shape.Input, bridge.Shape.Input);
        var (own, taught) = (bridge.Module.state_dict(), teacher.Module.state_dict());
        Assert.All(own.Keys, name => Assert.Contains(name.Split('.')[0], (string[])["block3", "bn1", "fc"]));
        Assert.NotEqual(own["fc.weight"].data<float>().ToArray(), taught["fc.weight"].data<float>().ToArray());
    }

    [Fact]
    public void By_itself_the_bridge_answers_as_the_teacher_that_it_makes()
    {
        using var none = no_grad();
        var plan = new PlanStub();
        Plan(new(), plan);
        var (bridge, teacher) = (plan.Bridge!, plan.Network("teacher"));
        bridge.Module.eval();
        teacher.Module.eval();
        var x = randn(2, 3, 8, 8);
        var basis = teacher.Forward(x, null, ["layer2"]);
        var whole = bridge.Forward(x, null, ["layer3"]);
        var part = bridge.ForwardFrom(basis, ["layer3"]);
        Assert.True(whole.Logits.equal(part.Logits).all().item<bool>());
        Assert.True(whole.Feature("layer3").equal(part.Feature("layer3")).all().item<bool>());
        Assert.False(whole.Logits.equal(basis.Logits).all().item<bool>());
    }

    [Fact]
    public void A_bridge_that_starts_from_the_teacher_answers_as_the_teacher_does()
    {
        using var none = no_grad();
        var plan = new PlanStub();
        var stage = Plan(new() { BridgeStart = BridgeStart.Teacher }, plan);
        stage.Begin.Invoke(new StepStub());
        var (bridge, teacher) = (plan.Bridge!, plan.Network("teacher"));
        bridge.Module.eval();
        teacher.Module.eval();
        var x = randn(2, 3, 8, 8);
        Assert.True(bridge.Forward(x, null, []).Logits.equal(teacher.Forward(x, null, []).Logits).all().item<bool>());
    }

    [Fact]
    public void Golden_4_one_step_of_the_published_loop()
    {
        var step = Step(new());
        Close(2.4520560203, step.Total);
        Close(0.3242172308, step.Parts["kd bridge teacher"]);
        Close(0.2673374288, step.Parts["kd bridge student"]);
        Close(0.6877522955, step.Parts["ce bridge teacher"]);
        Close(0.2726699575, step.Parts["kd student bridge"]);
        Close(0.9000791077, step.Parts["ce student bridge"]);
        Assert.Equal(5, step.Parts.Count);
        Close(
            [
                .. (double[])[-0.4747077161, 0.3888620334, 0.0947901982, -0.0334573749, 0.0245128594],
                .. (double[])[0.0467794738, 0.0885554979, -0.0882245782, 0.0297613453, -0.0768717388],
            ],
            step.Student
        );
        Close(
            [
                .. (double[])[-0.2397501152, 0.0486885583, 0.0325953525, 0.1258708519, 0.0325953525],
                .. (double[])[0.0627998009, 0.1131871350, 0.2628157275, -0.6016879671, 0.1628853037],
            ],
            step.Bridge
        );
        Assert.Null(step.Teacher.grad);
    }

    [Fact]
    public void Golden_4_the_parts_of_both_sides_come_with_their_weights()
    {
        Close(1.2793069550, Step(new() { StudentLabels = 0, StudentFromBridge = 0 }).Total);
        Close(1.1727490653, Step(Student(1, 1)).Total);
        Close(2 * 0.9000791077 + 3 * 0.2726699575, Step(Student(2, 3)).Total);
        var bridge = new SokdOptions
        {
            BridgeLabels = 2,
            BridgeFromTeacher = 3,
            BridgeFromStudent = 5,
            StudentLabels = 0,
            StudentFromBridge = 0,
        };
        Close(2 * 0.6877522955 + 3 * 0.3242172308 + 5 * 0.2673374288, Step(bridge).Total);
    }

    [Fact]
    public void Golden_2_what_has_no_weight_gets_no_gradient()
    {
        var bridge = Step(new() { StudentLabels = 0, StudentFromBridge = 0 });
        Assert.True(bridge.Parts["kd bridge student"] > 0);
        Assert.Null(bridge.Student.grad);
        Assert.NotNull(bridge.Bridge.grad);
        var student = Step(Student(1, 1));
        Assert.Null(student.Bridge.grad);
        Assert.NotNull(student.Student.grad);
    }

    [Fact]
    public void All_weights_zero_are_refused()
    {
        var options = Student(0, 0);
        var failure = Assert.Throws<KdException>(() => Stubs.Plugin<SokdStrategy>(options));
        Assert.Equal(CoreErrors.WrongCombination.Id, failure.Code.Id);
    }

    private static SokdOptions Student(double labels, double bridge) =>
        new()
        {
            BridgeLabels = 0,
            BridgeFromTeacher = 0,
            BridgeFromStudent = 0,
            StudentLabels = labels,
            StudentFromBridge = bridge,
        };

    private static void Close(double expected, double actual) => Assert.Equal(expected, actual, 1e-9);

    private static void Close(double[] expected, Tensor of) =>
        Assert.All(expected.Zip(of.grad!.flatten().data<double>().ToArray()), p => Close(p.First, p.Second));

    /// <summary>A plan for a real teacher that remembers who was to learn from whom.</summary>
    private sealed class PlanStub : PlanContextStub
    {
        public PlanStub()
            : base("teacher", "student") => TeacherLosses = ["kd"];

        private static readonly WideResNetPlugin Zoo = Stubs.Plugin<WideResNetPlugin>(
            new WideResNetOptions { Depth = 10, Width = 1 }
        );

        private readonly INetwork _teacher = Zoo.Create(new([3, 8, 8], 5, Stubs.Data([3, 8, 8], 5)));

        public List<string> Pairs { get; } = [];

        public string? ViewsLike { get; private set; }

        public IDerivedNetwork? Bridge { get; private set; }

        public override INetwork Network(string role) => _teacher;

        public override INetwork NewNetwork(string role, RandomKey key, long classes) =>
            Zoo.Create(new([3, 8, 8], classes, Stubs.Data([3, 8, 8], classes)));

        public override void AddRole(string role, INetwork network, string viewsLike)
        {
            Assert.Equal("bridge", role);
            (Bridge, ViewsLike) = ((IDerivedNetwork)network, viewsLike);
        }

        public override void Export(string name, Action<string> write) => Assert.Equal("bridged-teacher", name);

        public override Trainable TrainableOf(string role, IReadOnlyCollection<string> teachers)
        {
            Pairs.Add($"{role} {string.Join(',', teachers)}");
            return new(role, Array.Empty<(string, TorchSharp.Modules.Parameter)>(), null, null);
        }
    }
}
