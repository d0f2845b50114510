using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>Through a network that the stage leaves as it is, with gradient to what goes in.</summary>
public sealed class ThroughTests : IDisposable
{
    private static readonly string[] Taps = ["map"];

    private readonly RecipeRun _runs = new(EngineRun.Catalog.With(typeof(ThroughStrategy)));

    public void Dispose()
    {
        ThroughStrategy.Step = (_, _) => { };
        _runs.Dispose();
    }

    private static string Recipe(string training = "", string precision = "float32") =>
        $$"""
            { "name": "through", "precision": "{{precision}}", "dataset": { "id": "shapes", "options": { "size": 8, "train": 64, "test": 8 } },
              "models": { "teacher": { "id": "tiny" }, "student": { "id": "tiny" }, "flat": { "id": "tiny-dense" },
                          "exact": { "id": "tiny" } },
              "strategy": { "id": "proof-through" }, "losses": [ { "id": "cross-entropy" } ],
              "training": { "batchSize": 4 {{training}} } }
            """;

    [Fact]
    public void The_gradient_to_the_input_is_that_of_finite_differences()
    {
        In(step =>
        {
            var x = step.Next("train").Input.to(ScalarType.Float64).requires_grad_(true);
            Tensor Objective(Tensor images) => step.Through("exact", Images(images), Taps).Logits.square().sum();
            Objective(x).backward();
            var (gradient, slopes) = (x.grad!, new List<double>());
            for (var place = 3; place < x.numel(); place += 61)
            {
                double At(double by)
                {
                    using var none = no_grad();
                    var moved = x.detach().contiguous().clone();
                    moved.view(-1)[place] += by;
                    return Objective(moved).item<double>();
                }
                var slope = (At(1e-6) - At(-1e-6)) / 2e-6;
                Assert.Equal(slope, gradient.contiguous().view(-1)[place].item<double>(), 1e-7);
                slopes.Add(slope);
            }
            Assert.True(slopes.Count(s => s != 0) > 3);
        });
    }

    [Fact]
    public void The_network_stays_as_it_is_and_answers_as_in_evaluation()
    {
        In(step =>
        {
            var network = ThroughStrategy.Network("teacher");
            var before = network.Module.state_dict().ToDictionary(e => e.Key, e => e.Value.clone());
            var batch = step.Next("train");
            var x = batch.Input.clone().requires_grad_(true);
            var output = step.Through("teacher", batch.WithInput(x), Taps);
            (output.Logits.sum() + output.Feature("map").sum()).backward();
            Assert.True(x.grad!.norm().item<float>() > 0);
            Assert.All(network.Module.parameters(), p => Assert.Null(p.grad));
            Assert.All(network.Module.state_dict(), e => Same(before[e.Key], e.Value));
            Same(step.Forward("teacher", batch, null).Logits, output.Logits);
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Norm_statistics_are_those_of_a_plain_loop(bool unbiased)
    {
        In(step =>
        {
            var network = (TinyNetwork)ThroughStrategy.Network("teacher");
            var norm = network.modules().OfType<BatchNorm2d>().Single();
            using (no_grad())
            {
                norm.running_mean!.copy_(arange(4) * 0.25f);
                norm.running_var!.copy_(arange(4) * 0.5f + 0.5f);
            }
            var x = step.Next("train").Input.clone().requires_grad_(true);
            var (output, norms) = step.ThroughNorms("teacher", Images(x), null, unbiased);
            Same(step.Through("teacher", Images(x), null).Logits, output.Logits);
            var seen = Assert.Single(norms.Norms);
            var conv = network.modules().OfType<Conv2d>().Single();
            var (means, variances) = Oracle(conv.call(x.detach()), unbiased);
            Close(means, seen.Mean);
            Close(variances, seen.Variance);
            Same(norm.running_mean!, seen.RunningMean);
            Same(norm.running_var!, seen.RunningVariance);
            double[] byMean = [.. means.Select((m, c) => m - 0.25 * c)];
            double[] byVariance = [.. variances.Select((v, c) => v - 0.5 * c - 0.5)];
            var (difference, ofVariance) = norms.Difference;
            Close(byMean, difference);
            Close(byVariance, ofVariance);
            static double Norm(double[] values) => Math.Sqrt(values.Sum(v => v * v));
            var gap = Assert.Single(SynthesisMath.Gaps(norms));
            Assert.Equal(Norm(byMean) + Norm(byVariance), gap.item<float>(), 1e-4);
            gap.backward();
            Assert.True(x.grad!.norm().item<float>() > 0);
        });
    }

    [Fact]
    public void Norms_count_as_they_compute_and_the_network_is_free_afterwards()
    {
        using var _ = NewDisposeScope();
        var (first, second, unused) = (nn.BatchNorm2d(2), nn.BatchNorm2d(2), nn.BatchNorm2d(2));
        var own = nn.BatchNorm2d(2, track_running_stats: false);
        var module = nn.Sequential(unused, second, own, first);
        var x = rand(3, 2, 4, 4);
        Tensor Pass() => second.call(own.call(first.call(second.call(x))));
        first.running_mean!.fill_(1);
        second.running_mean!.fill_(2);
        module.eval();
        var (_, norms) = NormStatistics.During(module, false, Pass);
        Pass();
        // The difference is in the order of the modules.
        var (difference, _) = norms.Difference;
        Tensor[] inOrder = [norms.Norms[0].Mean - 2, norms.Norms[2].Mean - 2, norms.Norms[1].Mean - 1];
        Same(cat(inOrder), difference);
        Assert.Equal([2f, 1f, 2f], norms.Norms.Select(n => n.RunningMean[0].item<float>()));
        Assert.Throws<InvalidOperationException>(() =>
        {
            NormStatistics.During<Tensor>(module, false, () => throw new InvalidOperationException());
        });
        Pass();
        Assert.Equal(3, norms.Norms.Count);
        Assert.True(NormStatistics.IsIn(module));
        Assert.False(NormStatistics.IsIn(own));
    }

    [Fact]
    public void Precision_is_that_of_forward()
    {
        In(
            step =>
            {
                var batch = step.Next("train");
                var (output, norms) = step.ThroughNorms("teacher", batch, null, unbiased: false);
                Same(step.Through("teacher", batch, null).Logits, output.Logits);
                Same(step.Forward("teacher", batch, null).Logits, output.Logits);
                Assert.Equal(ScalarType.Float32, output.Logits.dtype);
                Assert.Equal(ScalarType.Float32, norms.Norms[0].Mean.dtype);
                Assert.Equal(ScalarType.Float32, norms.Norms[0].Variance.dtype);
                using var none = no_grad();
                var exact = ThroughStrategy.Network("teacher").Forward(batch.Input, null, []).Logits;
                Assert.False(exact.equal(output.Logits).all().item<bool>());
                Assert.True(exact.allclose(output.Logits, 0.05, 0.05));
            },
            "bf16"
        );
    }

    [Fact]
    public void An_update_of_several_batches_has_the_mean_of_their_gradients()
    {
        ThroughStrategy.Step = (step, shift) =>
        {
            var w = shift.Parameters[0].Item2;
            List<Tensor> images = [];
            step.Update(
                [shift],
                () =>
                {
                    var batch = step.Next("train");
                    images.Add(batch.Input.clone().DetachFromDisposeScope());
                    var (output, norms) = step.ThroughNorms("teacher", batch.WithInput(batch.Input + w), null, false);
                    return output.Logits.square().sum() + SynthesisMath.Gaps(norms)[0];
                }
            );
            Assert.Equal(2, images.Count);
            var found = w.grad!.item<float>();
            var network = ThroughStrategy.Network("teacher");
            double Alone(Tensor x)
            {
                var own = zeros(1).requires_grad_(true);
                var (logits, norms) = NormStatistics.During(
                    network.Module,
                    false,
                    () => network.Forward(x + own, null, []).Logits
                );
                (logits.square().sum() + SynthesisMath.Gaps(norms)[0]).backward();
                return own.grad!.item<float>();
            }
            if (step.Progress.Step == 0)
                Assert.Equal(images.Average(Alone), found, 1e-3);
        };
        _runs.Whole(Recipe(", \"accumulate\": 2"), "run");
    }

    [Fact]
    public void A_role_that_the_stage_trains_is_refused()
    {
        In(step =>
        {
            var batch = step.Next("train");
            foreach (
                var call in new Action[]
                {
                    () => step.Through("student", batch, null),
                    () => step.ThroughNorms("student", batch, null, false),
                }
            )
            {
                var error = Assert.Throws<KdException>(call);
                Assert.Equal("KDP0748", error.Code.Id);
                Assert.Contains("'student'", error.Message);
                Assert.Contains("stage only, step", error.Message);
            }
        });
    }

    [Fact]
    public void A_network_without_norms_has_no_statistics()
    {
        In(step =>
        {
            var batch = step.Next("train");
            step.Through("flat", batch, null);
            var error = Assert.Throws<KdException>(() =>
            {
                step.ThroughNorms("flat", batch, null, false);
            });
            Assert.Equal("KDP0306", error.Code.Id);
            Assert.Contains("'flat'", error.Message);
        });
    }

    [Fact]
    public void What_fails_inside_says_whose_network_it_was()
    {
        In(step =>
        {
            var wrong = Images(zeros(2, 5, 8, 8));
            var error = Assert.Throws<KdException>(() =>
            {
                step.ThroughNorms("teacher", wrong, null, false);
            });
            Assert.Equal("KDP0740", error.Code.Id);
            Assert.Contains("'teacher'", error.Message);
        });
    }

    [Fact]
    public void A_context_serves_its_own_step_alone()
    {
        IStepContext? kept = null;
        Batch? batch = null;
        In(step => (kept, batch) = (step, step.Next("train")));
        foreach (
            var call in new Action[]
            {
                () => kept!.Through("teacher", batch, null),
                () => kept!.ThroughNorms("teacher", batch, null, false),
            }
        )
            Assert.Equal("KDP0744", Assert.Throws<KdException>(call).Code.Id);
    }

    private void In(Action<IStepContext> check, string precision = "float32")
    {
        ThroughStrategy.Step = (step, shift) =>
        {
            check(step);
            // A stage that lists trainables has to train them.
            var student = ThroughStrategy.Network("student").Module.parameters().First();
            step.Update([shift], () => shift.Parameters[0].Item2.sum() + student.sum() * 0);
        };
        _runs.Whole(Recipe(precision: precision), "run", maxStepsPerStage: 1);
    }

    private static Batch Images(Tensor images) =>
        new(images, new NoTarget(images.shape[0]), full([images.shape[0]], -1L, ScalarType.Int64));

    private static void Same(Tensor expected, Tensor actual) => Assert.True(expected.equal(actual).all().item<bool>());

    private static void Close(double[] expected, Tensor actual)
    {
        Assert.Equal([expected.Length], actual.shape);
        for (var c = 0; c < expected.Length; c++)
            Assert.Equal(expected[c], actual[c].item<float>(), 1e-5);
    }

    // Per channel, in double.
    private static (double[] Means, double[] Variances) Oracle(Tensor x, bool unbiased)
    {
        var (values, channels) = (x.contiguous().data<float>().ToArray(), (int)x.shape[1]);
        var (count, area) = ((int)x.shape[0], (int)(x.shape[2] * x.shape[3]));
        var (means, variances) = (new double[channels], new double[channels]);
        for (var c = 0; c < channels; c++)
        {
            List<double> own = [];
            for (var n = 0; n < count; n++)
            for (var p = 0; p < area; p++)
                own.Add(values[(n * channels + c) * area + p]);
            means[c] = own.Average();
            variances[c] = own.Sum(v => (v - means[c]) * (v - means[c])) / (unbiased ? own.Count - 1 : own.Count);
        }
        return (means, variances);
    }

    /// <summary>Two steps of whatever a test wants, which train the student and a number that is added to images.</summary>
    [KdStrategy("proof-through")]
    public sealed class ThroughStrategy : DistillationStrategy<NoOptions>
    {
        internal static Action<IStepContext, Trainable> Step { get; set; } = (_, _) => { };

        internal static Func<string, INetwork> Network { get; private set; } = null!;

        public override IReadOnlyCollection<string> Needs => ["student", "teacher"];

        public override IReadOnlyList<Stage> Plan(IPlanContext context)
        {
            Network = context.Network;
            context.Network("exact").Module.to(ScalarType.Float64);
            var w = new Parameter(zeros(1));
            context.State.Register("shift", w);
            var shift = new Trainable("shift", [("w", w)], null, null);
            return
            [
                new Stage("only", StageLength.Steps(2), step => Step(step, shift))
                {
                    Trainables = [shift, context.TrainableOf("student")],
                    Trains = ["student"],
                },
            ];
        }
    }
}
