using KdPlugins.Sdk;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>Every module of a run is in the mode, and every parameter has the gradients, that the moment asks for.</summary>
public sealed class ModesTests : IDisposable
{
    private readonly RecipeRun _runs = new(EngineRun.Catalog.With(typeof(ModesStrategy), typeof(HeadLoss)));

    public ModesTests() => ModesStrategy.Now = new();

    public void Dispose() => _runs.Dispose();

    private static ModesStrategy.Checks Now => ModesStrategy.Now;

    private static string Recipe(string precision = "float32") =>
        $$"""
            { "name": "modes", "precision": "{{precision}}", "validation": { "count": 8 },
              "dataset": { "id": "shapes", "options": { "size": 8, "train": 24, "test": 8 } },
              "models": { "teacher": { "id": "tiny" }, "student": { "id": "tiny" } },
              "generators": { "main": { "id": "proof-generator" } },
              "strategy": { "id": "proof-modes" }, "losses": [ { "id": "proof-head" } ], "training": { "batchSize": 4 } }
            """;

    [Fact]
    public void A_stage_and_its_updates_say_what_trains()
    {
        var seen = new List<string>();
        Now.First = step =>
        {
            void Look(string when) => seen.Add($"{when}: {Now.Modes()}");
            Look("before");
            step.Update([Now.A, Now.Set], () => Watched(step, "a", Look));
            step.Update([Now.Student], () => Watched(step, "student", Look));
            step.Update([Now.A, Now.Set, Now.Student], () => Watched(step, "all", Look));
            step.Evaluate("student", "validation", 4);
            Look("after");
        };
        _runs.Whole(Recipe(), "run", maxStepsPerStage: 1);
        // t: in training mode, g: with gradients.
        const string All = "teacher -- student tg head tg a tg b -- generator -- set g";
        Assert.Equal(
            [
                $"before: {All}",
                "a: teacher -- student t- head t- a tg b -- generator -- set g",
                "student: teacher -- student tg head tg a -- b -- generator -- set -",
                $"all: {All}",
                $"after: {All}",
            ],
            seen
        );
        Assert.Equal("teacher -- student -- head -- a -- b tg generator tg set -", Now.InSecond);
    }

    [Fact]
    public void What_a_loss_has_fixed_stays_fixed()
    {
        Now.First = step =>
        {
            Assert.All(
                Now.Modules["head"].named_parameters(),
                p => Assert.Equal(p.name != "scale", p.parameter.requires_grad)
            );
            step.Update([Now.Student], () => Answer(step));
        };
        _runs.Whole(Recipe(), "run", maxStepsPerStage: 1);
    }

    [Fact]
    public void A_score_is_computed_in_evaluation_mode_without_graph_and_in_float32()
    {
        var scored = 0;
        Now.Score = step =>
        {
            scored++;
            Assert.Equal("teacher - student - head - a - b - generator -", Now.Training());
            var batch = step.Read("validation", new long[] { 0, 1 });
            var exact = Now.Network("student").Forward(batch.Input, null, []).Logits;
            Assert.False(exact.requires_grad);
            Same(exact, step.Forward("student", batch, null).Logits);
            Same(Now.NetworkA.Forward(batch.Input, null, []).Logits, step.Forward(Now.NetworkA, batch, null).Logits);
            exact = Now.Network("teacher").Forward(batch.Input, null, []).Logits;
            Same(exact, step.Through("teacher", batch, null).Logits);
            return 1;
        };
        _runs.Whole(Recipe("bf16"), "run", maxStepsPerStage: 1);
        Assert.Equal(1, scored);
    }

    [Fact]
    public void Amid_a_step_networks_that_it_trains_answer_as_in_an_evaluation()
    {
        var asked = 0;
        Now.First = step =>
        {
            var before = Now.Modes();
            step.AsEvaluation(() =>
            {
                asked++;
                Assert.Equal("teacher - student - head - a - b - generator -", Now.Training());
                var batch = step.Read("validation", new long[] { 0, 1 });
                var exact = Now.Network("student").Forward(batch.Input, null, []).Logits;
                Assert.False(exact.requires_grad);
                Same(exact, step.Consult("student", batch, null).Logits);
            });
            Assert.Equal(before, Now.Modes());
            step.Update([Now.Student], () => Answer(step));
        };
        _runs.Whole(Recipe("bf16"), "run", maxStepsPerStage: 1);
        Assert.Equal(1, asked);
    }

    [Fact]
    public void Of_a_network_that_is_trained_in_part_the_rest_stays_as_it_is()
    {
        var statistics = new List<Tensor>();
        Now.Third = step =>
        {
            var net = Now.Network("student").Module;
            var (conv, norm, fc) = ((Conv2d)Part("conv"), (BatchNorm2d)Part("bn"), Part("fc"));
            nn.Module Part(string name) => net.named_children().Single(c => c.name == name).module;
            Assert.True(net.training && fc.training);
            Assert.False(conv.training || norm.training);
            Assert.All(net.named_parameters(), p => Assert.Equal(p.name.StartsWith("fc"), p.parameter.requires_grad));
            statistics.Add(norm.running_mean!.clone().DetachFromDisposeScope());
            step.Update([Now.Part], () => Answer(step));
            Assert.Null(conv.weight.grad);
            Same(statistics[0], norm.running_mean!);
        };
        _runs.Whole(Recipe(), "run", maxStepsPerStage: 2);
        Assert.Equal(2, statistics.Count);
    }

    [Fact]
    public void When_a_stage_is_over_nothing_is_in_training_mode()
    {
        Now.Export = () => Assert.Equal("teacher - student - head - a - b - generator -", Now.Training());
        _runs.Whole(Recipe(), "run", maxStepsPerStage: 1);
        Assert.True(Now.Exported);
    }

    [Fact]
    public void A_network_of_the_state_is_asked_in_the_mode_of_the_moment()
    {
        Now.First = step =>
        {
            var batch = step.Next("train");
            var norm = Now.NetworkA.Module.modules().OfType<BatchNorm2d>().Single();
            using var before = norm.running_mean!.clone();
            var x = batch.Input.clone().requires_grad_(true);
            step.Update(
                [Now.Student],
                () => Answer(step) + step.Forward(Now.NetworkA, batch.WithInput(x), null).Logits.sum()
            );
            Same(before, norm.running_mean!);
            Assert.NotNull(x.grad);
            Assert.All(Now.NetworkA.Module.parameters(), p => Assert.Null(p.grad));
            step.Update([Now.A], () => step.Forward(Now.NetworkA, batch, ["map"]).Feature("map").sum());
            Assert.False(before.equal(norm.running_mean!).all().item<bool>());
            Assert.Contains(Now.NetworkA.Module.parameters(), p => p.grad is not null);
            var unknown = Assert.Throws<KdException>(() => step.Forward(Now.Stranger, batch, null));
            Assert.Equal("KDP0306", unknown.Code.Id);
            Assert.Contains("context.State.Register", unknown.Message);
            var wrong = Batch.Generated(zeros(2, 5, 8, 8));
            var failed = Assert.Throws<KdException>(() => step.Forward(Now.NetworkA, wrong, null));
            Assert.Equal("KDP0740", failed.Code.Id);
            Assert.Contains("'state/a'", failed.Message);
        };
        _runs.Whole(Recipe(), "run", maxStepsPerStage: 1);
    }

    [Fact]
    public void What_is_made_beside_an_update_has_the_runs_precision_and_no_graph()
    {
        IStepContext? kept = null;
        Now.First = step =>
        {
            kept = step;
            var batch = step.Next("train");
            Now.NetworkA.Module.eval();
            var made = step.WithoutGraph(() => Now.NetworkA.Forward(batch.Input, null, []).Logits);
            Assert.False(made.requires_grad);
            Assert.Equal(ScalarType.Float32, made.dtype);
            Same(step.Forward(Now.NetworkA, batch, null).Logits.detach(), made);
            using var none = no_grad();
            var exact = Now.NetworkA.Forward(batch.Input, null, []).Logits;
            Assert.False(exact.equal(made).all().item<bool>());
            Assert.True(exact.allclose(made, 0.05, 0.05));
            using var on = enable_grad();
            step.Update([Now.Student], () => Answer(step));
        };
        _runs.Whole(Recipe("bf16"), "run", maxStepsPerStage: 1);
        Assert.Equal("KDP0744", Assert.Throws<KdException>(() => kept!.WithoutGraph(() => zeros(1))).Code.Id);
        Assert.Equal("KDP0744", Assert.Throws<KdException>(() => kept!.Forward(Now.NetworkA, null, null)).Code.Id);
    }

    [Fact]
    public void Losses_are_computed_exactly_and_objectives_in_the_runs_precision()
    {
        var objective = false;
        Now.First = step =>
            step.Update(
                [Now.Student],
                () =>
                {
                    objective = Autocast.IsEnabled(CPU);
                    return Answer(step);
                }
            );
        _runs.Whole(Recipe("bf16"), "run", maxStepsPerStage: 1);
        Assert.True(objective);
        Assert.False(Now.LossInHalf);
    }

    // The recipe's loss, and something of everything else.
    private static Tensor Answer(IStepContext step)
    {
        var batch = step.Next("train");
        return step.Objective(step.Forward("student", batch, null), null, batch);
    }

    private static Tensor Watched(IStepContext step, string when, Action<string> look)
    {
        look(when);
        var own = step.Forward(Now.NetworkA, step.Next("train"), null).Logits.square().mean();
        return Answer(step) + own + Now.Set.Parameters[0].Item2.square().sum();
    }

    private static void Same(Tensor expected, Tensor actual) => Assert.True(expected.equal(actual).all().item<bool>());

    /// <summary>
    /// Stages: "first" trains the student with the loss's head, the network a and a number, "second" the network b and the
    /// generator, "third" the student's last layer.
    /// </summary>
    [KdStrategy("proof-modes")]
    public sealed class ModesStrategy : DistillationStrategy<NoOptions>
    {
        internal static Checks Now { get; set; } = new();

        public override IReadOnlyCollection<string> Needs => ["student", "teacher"];

        public override IReadOnlyList<Stage> Plan(IPlanContext context)
        {
            var now = Now;
            INetwork New(string name)
            {
                var network = context.NewNetwork("student", context.Random.Derive(name), 0);
                context.State.Register(name, network.Module);
                return network;
            }
            var (a, b) = (New("a"), New("b"));
            var set = new Parameter(ones(1));
            context.State.Register("set", set);
            var generator = context.Generator("main").Module!;
            now.Network = context.Network;
            now.NetworkA = a;
            now.Stranger = context.NewNetwork("student", context.Random.Derive("stranger"), 0);
            now.A = Trainable.Of("a", a.Module, null, null);
            now.Set = new("set", [("w", set)], null, null);
            now.Student = context.TrainableOf("student");
            var last = context.Network("student").Module.named_parameters().Where(p => p.name.StartsWith("fc"));
            now.Part = new("part", [.. last.Select(p => (p.name, p.parameter))], null, null);
            var second = new[] { Trainable.Of("b", b.Module, null, null), Trainable.Of("g", generator, null, null) };
            now.Modules = new()
            {
                ["teacher"] = context.Network("teacher").Module,
                ["student"] = context.Network("student").Module,
                ["head"] = HeadLoss.Latest!,
                ["a"] = a.Module,
                ["b"] = b.Module,
                ["generator"] = generator,
            };
            context.Export(
                "look",
                _ =>
                {
                    now.Export();
                    now.Exported = true;
                }
            );

            void First(IStepContext step)
            {
                now.First(step);
                step.Update([now.Set], () => set.square().sum());
            }

            void Second(IStepContext step)
            {
                now.InSecond = now.Modes();
                step.Update(
                    second,
                    () => step.Forward(b, context.Generator("main").Sample(4, null, step), null).Logits.square().mean()
                );
            }

            void Third(IStepContext step)
            {
                now.Third(step);
                var batch = step.Next("train");
                step.Update([now.Part], () => step.Forward("student", batch, null).Logits.square().mean());
            }

            return
            [
                new Stage("first", StageLength.Steps(1), First)
                {
                    Trainables = [now.Student, now.A, now.Set],
                    Trains = ["student"],
                    Score = step => now.Score(step),
                },
                new Stage("second", StageLength.Steps(1), Second) { Trainables = second },
                new Stage("third", StageLength.Steps(2), Third) { Trainables = [now.Part], Trains = ["student"] },
            ];
        }

        internal sealed class Checks
        {
            public Action<IStepContext> First { get; set; } = _ => { };
            public Action<IStepContext> Third { get; set; } = _ => { };
            public Func<IStepContext, double> Score { get; set; } = _ => 0;
            public Action Export { get; set; } = () => { };
            public bool Exported { get; set; }
            public bool LossInHalf { get; set; }
            public string InSecond { get; set; } = "";
            public Func<string, INetwork> Network { get; set; } = null!;
            public INetwork NetworkA { get; set; } = null!;
            public INetwork Stranger { get; set; } = null!;
            public Trainable A { get; set; } = null!;
            public Trainable Set { get; set; } = null!;
            public Trainable Student { get; set; } = null!;
            public Trainable Part { get; set; } = null!;
            public Dictionary<string, nn.Module> Modules { get; set; } = [];

            // Every part of a module is alike.
            internal string Training() =>
                string.Join(
                    ' ',
                    Modules.Select(m => $"{m.Key} {One(m.Value.modules().Prepend(m.Value), p => p.training, "t")}")
                );

            internal string Modes()
            {
                var modules = Modules.Select(m =>
                    $"{m.Key} {One(m.Value.modules().Prepend(m.Value), p => p.training, "t")}"
                    + One(m.Value.named_parameters().Where(p => p.name != "scale"), p => p.parameter.requires_grad, "g")
                );
                return string.Join(' ', modules) + $" set {One(Set.Parameters, p => p.Item2.requires_grad, "g")}";
            }

            private static string One<T>(IEnumerable<T> parts, Func<T, bool> holds, string yes) =>
                parts.Select(holds).Distinct().ToList() is [var all]
                    ? all
                        ? yes
                        : "-"
                    : "mixed";
        }
    }

    /// <summary>A loss with a head, and with a parameter that stays as it is.</summary>
    [KdLoss("proof-head")]
    public sealed class HeadLoss : DistillationLoss<NoOptions>
    {
        private Head? _head;

        internal static nn.Module? Latest { get; private set; }

        public override bool NeedsTeacher => false;

        public override nn.Module? Module => _head;

        public override void Bind(LossBinding binding) => Latest = _head = new Head(binding.Shape("student").Embedding);

        public override Tensor Compute(ILossContext context)
        {
            ModesStrategy.Now.LossInHalf |= Autocast.IsEnabled(CPU);
            return _head!.call(context.Student.Embedding).square().mean() + context.Student.Logits.square().mean();
        }

        private sealed class Head : nn.Module<Tensor, Tensor>
        {
            private readonly Linear linear;
            private readonly BatchNorm1d norm;
            private readonly Dropout drop;
            private readonly Parameter scale;

            internal Head(long width)
                : base(nameof(Head))
            {
                (linear, norm, drop) = (nn.Linear(width, 3), nn.BatchNorm1d(3), nn.Dropout(0.1));
                scale = new Parameter(ones(1), requires_grad: false);
                RegisterComponents();
            }

            public override Tensor forward(Tensor x) => drop.call(norm.call(linear.call(x))) * scale;
        }
    }
}
