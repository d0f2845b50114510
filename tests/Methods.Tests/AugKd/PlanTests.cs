using KdPlugins.Core;
using KdPlugins.Generators;
using KdPlugins.Models;
using KdPlugins.Testing;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.AugKd.Tests;

/// <summary>The optimisers and rates that the stages are planned with.</summary>
public sealed class PlanTests
{
    private static List<Stage> Plan(AugKdOptions options)
    {
        var plan = new PlanStub();
        return [.. Stubs.Plugin<AugKdStrategy>(options).Plan(plan)];
    }

    private static double[] Rates(Trainable trainable, long steps, long perEpoch) =>
        [.. Enumerable.Range(0, (int)steps).Select(s => trainable.Schedule(new Progress("s", s, steps, perEpoch)))];

    [Fact]
    public void The_student_alone_has_weight_decay_without_data()
    {
        var stage = Plan(new()).Single(s => s.Name == "data-free");
        Assert.Equal(
            [("generator", "adam", 0.0), ("warm-up", "adam", 1e-4), ("encoder", "adam", 0.0)],
            stage.Trainables.Select(t => (t.Name, t.Optimiser.Name, t.Optimiser.WeightDecay))
        );
    }

    [Fact]
    public void The_anchors_rate_falls_by_a_cosine_over_their_epochs_or_steps()
    {
        static Trainable Anchor(bool published) =>
            Plan(new() { AnchorEpochs = 4, PublishedSchedules = published })
                .Single(s => s.Name == "anchor")
                .Trainables.Single();
        double[] cosine = [.. Enumerable.Range(0, 4).Select(e => (1 + Math.Cos(Math.PI * e / 4)) / 2)];
        Assert.Equal(cosine.SelectMany(r => new[] { r, r }), Rates(Anchor(published: false), 8, 2), Close);
        Assert.Equal(cosine, Rates(Anchor(published: true), 4, 2), Close);
    }

    [Fact]
    public void As_published_the_students_first_five_steps_have_a_third_of_the_rate()
    {
        var student = Plan(new() { PublishedSchedules = true }).Single(s => s.Name == "mixup").Trainables.Single();
        const double third = 1.0 / 3;
        Assert.Equal([third, third, third, third, third, 1, 1], Rates(student, 7, 2), Close);
    }

    private static bool Close(double a, double b) => Math.Abs(a - b) < 1e-12;

    private sealed class PlanStub : PlanContextStub
    {
        private readonly INetwork _network = Stubs
            .Plugin<CifarResNetPlugin>(new CifarResNetOptions { Depth = 8 })
            .Create(new ModelRequest([3, 8, 8], 10, Stubs.Data([3, 8, 8], 10)));

        internal PlanStub()
            : base("teacher", "student") => TeacherLosses = ["aug-kd-mix"];

        public override IStateRegistry State { get; } = new Registry();

        public override INetwork Network(string role) => _network;

        public override IGenerator Generator(string name)
        {
            var made = Stubs.Plugin<UpsampleGenerator>(new UpsampleGeneratorOptions { Latent = 6, Width = 8 });
            made.Bind(new GeneratorBinding(Data, CPU));
            return made;
        }
    }

    private sealed class Registry : IStateRegistry
    {
        public void Register(string name, nn.Module state) { }

        public void Register(string name, Parameter state) { }

        public ICounter Counter(string name, long initial) => throw new NotSupportedException();

        public IPool Pool(string name, long capacity) => throw new NotSupportedException();
    }
}
