using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using static KdPlugins.AugKd.Tests.Goldens;
using static TorchSharp.torch;

namespace KdPlugins.AugKd.Tests;

/// <summary>Golden numbers 1 to 8 of the sheet, and gradients.</summary>
public sealed class FormulaTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(MixSchedule.Linear, 0.6, 200, 0, 0.2)]
    [InlineData(MixSchedule.Linear, 0.6, 200, 30, 0.4)]
    [InlineData(MixSchedule.Linear, 0.6, 200, 60, 0.6)]
    [InlineData(MixSchedule.Linear, 0.6, 200, 119, 0.993333)]
    [InlineData(MixSchedule.Linear, 0.6, 200, 120, 1)]
    [InlineData(MixSchedule.Linear, 0.6, 200, 150, 1)]
    [InlineData(MixSchedule.Step, 0.6, 200, 29, 0.36)]
    [InlineData(MixSchedule.Step, 0.6, 200, 30, 0.36)]
    [InlineData(MixSchedule.Step, 0.6, 200, 59, 0.52)]
    [InlineData(MixSchedule.Step, 0.6, 200, 60, 0.6)]
    [InlineData(MixSchedule.Step, 0.6, 200, 119, 0.92)]
    [InlineData(MixSchedule.Step, 0.6, 200, 120, 1)]
    [InlineData(MixSchedule.Linear, 0.4, 50, 7, 0.48)]
    [InlineData(MixSchedule.Linear, 0.4, 50, 19, 0.96)]
    [InlineData(MixSchedule.Step, 0.4, 50, 5, 0.36)]
    [InlineData(MixSchedule.Step, 0.4, 50, 7, 0.44)]
    [InlineData(MixSchedule.Step, 0.4, 50, 19, 0.92)]
    public void Golden_1_the_students_share(MixSchedule schedule, double a, int epochs, int epoch, double expected) =>
        Close(expected, Mix.Share(schedule, epoch, epochs, a, 0.2));

    [Fact]
    public void Golden_2_limits_of_the_mixture()
    {
        var (x, z, moved) = (rand(2, 3, 4, 4), rand(2, 5), rand(2, 5));
        Tensor Decode(Tensor v) => v.sum() * ones(2, 3, 4, 4);
        Tensor Never(Tensor v) => throw new InvalidOperationException("Where s is 1 nothing is generated.");
        Assert.Equal(Flat(x), Flat(Mix.Images(1, x, z, moved, Never)));
        Assert.Equal(Flat(Decode(moved)), Flat(Mix.Images(0, x, z, moved, Decode)));
        Close(0.35, Value(Mix.Latents(0.25, tensor(0.8), tensor(0.2))));
        var half = Mix.Images(0.25, x, z, moved, Decode);
        Assert.True(half.allclose(Decode(moved * 0.75 + z * 0.25) * 0.75 + x * 0.25));
    }

    [Fact]
    public void Golden_2_the_first_half_of_a_batch_is_the_raw_images()
    {
        var real = new Batch(rand(2, 3, 4, 4), new ClassIndexTarget(Y), tensor(new long[] { 5, 7 }));
        var mixed = rand(2, 3, 4, 4);
        var both = Mix.Both(real, mixed);
        Assert.Equal(Flat(real.Input), Flat(both.Input[..2]));
        Assert.Equal(Flat(mixed), Flat(both.Input[2..]));
        Assert.Equal([0, 2, 0, 2], ((ClassIndexTarget)both.Target).Labels.data<long>().ToArray());
        Assert.Equal([5, 7, 5, 7], both.Indices.data<long>().ToArray());
    }

    [Fact]
    public void Golden_3_the_mask()
    {
        var mask = Flat(AnchorNet.Mask(tensor(new[] { 50.0, 1, 0, -3 })));
        Close(1.0 / 3, mask[0]);
        Close(0.1876910, mask[1], 1e-7);
        Assert.Equal(0, mask[2]);
        Assert.Equal(0, mask[3]);
        var z = rand(2, 5, ScalarType.Float64);
        Assert.Equal(Flat(z), Flat(AnchorNet.Blend(zeros_like(z), randn(2, 5, ScalarType.Float64), z)));
    }

    [Fact]
    public void Golden_4_uncertainty()
    {
        var logits = Doubles(
            new double[,]
            {
                { 2, 1, 0 },
                { 0, 0, 0 },
            }
        );
        var energy = Flat(AugKdLosses.Uncertainties(logits, Uncertainty.Energy));
        Close(-2.4076060, energy[0], 1e-7);
        Close(-1.0986123, energy[1], 1e-7);
        Close(energy[0] - 0.7, Flat(AugKdLosses.Uncertainties(logits + 0.7, Uncertainty.Energy))[0], 1e-12);
        var softmax = Flat(AugKdLosses.Uncertainties(logits, Uncertainty.MaxSoftmax));
        Close(0.3347590, softmax[0], 1e-7);
        Close(0.6666667, softmax[1], 1e-7);
    }

    [Fact]
    public void Golden_5_the_anchor_loss()
    {
        var terms = Anchor(MaskPenalty.BatchSum);
        Close(-3.5062183, Value(terms.Uncertainty), 1e-7);
        Close(2.4, Value(terms.Mask), 1e-7);
        Close(1.5062183, Value(terms.CrossEntropy), 1e-7);
        Close(-0.9555964, Value(terms.Total), 1e-7);
        Close(-0.4777982, Value(terms.Total / 2), 1e-7);
        // Per sample: |0.6 - 3| + |0 - 3|.
        Close(5.4, Value(Anchor(MaskPenalty.PerSample).Mask), 1e-7);
    }

    [Fact]
    public void Golden_6_the_generators_loss()
    {
        var teacher = Doubles(
            new double[,]
            {
                { 2, 0 },
                { 0, 2 },
            }
        );
        var mean = tensor(new[] { 0.3, -0.4 });
        var terms = AugKdLosses.Generator(teacher, zeros_like(teacher), mean, zeros_like(mean));
        Close(0.6556267, 2 * Value(terms.Divergence), 1e-7);
        Close(0.2538560, 2 * Value(terms.CrossEntropy), 1e-7);
        Close(-6.0205999, 20 * Value(terms.Diversity), 1e-7);
        Close(0.5, Value(terms.Norms), 1e-7);
        Close(-5.7214852, Value(terms.Total(20, 1)), 1e-7);
    }

    [Theory]
    [InlineData(31, -29.8272)]
    [InlineData(12, -21.5836)]
    [InlineData(65, -36.2583)]
    public void Golden_6_the_least_diversity_term(int classes, double expected)
    {
        var even = zeros(2, classes, ScalarType.Float64);
        Close(expected, 20 * Value(AugKdLosses.Generator(even, even, null, null).Diversity), 1e-4);
    }

    [Fact]
    public void A_class_that_underflows_leaves_the_diversity_term_finite_in_value_and_gradient()
    {
        var teacher = tensor(
                new float[,]
                {
                    { 200, 0 },
                }
            )
            .requires_grad_(true);
        var total = AugKdLosses.Generator(teacher, zeros(1, 2), null, null).Total(20, 1);
        total.backward();
        Assert.True(double.IsFinite(Value(total)));
        Assert.True(teacher.grad!.isfinite().all().item<bool>());
    }

    [Fact]
    public void Golden_7_the_mix_loss()
    {
        Close(5.8937772, Value(MixLoss([0, 0], [10, 0], out var labels, out var teacher)), 1e-7);
        Close(0.6931472, labels, 1e-7);
        Close(11.0944072, teacher, 1e-7);
        Close(0.3465736, Value(MixLoss([0, 0], [0, 0], out _, out _)), 1e-7);
    }

    [Fact]
    public void Golden_7_targets_are_clipped()
    {
        var (student, target) = (
            Doubles(
                new double[,]
                {
                    { 0, 0 },
                }
            ),
            Doubles(
                new double[,]
                {
                    { 100, 0 },
                }
            )
        );
        Close(0.6931470, Value(AugKdLosses.Divergences(student, target, 1).sum()), 5e-8);
        Close(0.6931472, Value(KdMath.KlDivergence(student, target, 1)), 5e-8);
    }

    [Fact]
    public void Golden_8_the_encoders_loss()
    {
        var (mu, logVariance) = (
            Doubles(
                new double[,]
                {
                    { 1, 0 },
                }
            ),
            Doubles(
                new[,]
                {
                    { 0, Math.Log(2) },
                }
            )
        );
        Close(0.6534264, Value(AugKdLosses.Prior(mu, logVariance)), 1e-7);
        Close(1.633566e-4, Value(AugKdLosses.Prior(mu, logVariance)) * AugKdLosses.PriorWeight, 1e-10);
        Assert.Equal(0, Value(AugKdLosses.Prior(zeros_like(mu), zeros_like(mu))));
        var (mu2, log2) = (cat([mu, zeros_like(mu)]), cat([logVariance, zeros_like(mu)]));
        var drawn = Doubles(
            new double[,]
            {
                { 0, 0 },
                { 3, 0 },
            }
        );
        Close(4.5000817, Value(AugKdLosses.Inversion(drawn, zeros_like(drawn), mu2, log2)), 1e-7);
    }

    [Fact]
    public void Draws_are_cut_off_at_ten_deviations()
    {
        var drawn = LatentEncoder.Draw(
            zeros(1, 2),
            zeros(1, 2),
            tensor(
                new float[,]
                {
                    { 50, -50 },
                }
            )
        );
        Assert.Equal([10, -10], Flat(drawn));
    }

    [Fact]
    public void Gradients_agree_with_finite_differences()
    {
        using var random = new RandomKey(5).NewGenerator(CPU);
        Tensor Draw() => randn([3, 4], ScalarType.Float64, generator: random);
        var (a, b) = (Draw(), Draw());
        var labels = tensor(new long[] { 0, 3, 1 });
        void Check(Func<Tensor, Tensor> f, Tensor at) => Assert.InRange(GradientCheck.Error(f, at), 0, 1e-7);
        Check(x => AugKdLosses.Generator(x, b, x.sum([0]), x.square().sum([0])).Total(20, 1), a);
        Check(x => AugKdLosses.Generator(b, x, null, null).Total(20, 1), a);
        Check(x => AugKdLosses.Divergences(x, b, 10).mean(), a);
        Check(x => AugKdLosses.Inversion(x, b, x * 2, x.sin()), a);
        foreach (var kind in Enum.GetValues<Uncertainty>())
        foreach (var penalty in Enum.GetValues<MaskPenalty>())
        {
            Check(x => AugKdLosses.Anchor(x, labels, b.abs(), 0.25, kind, penalty).Total, a);
            Check(x => AugKdLosses.Anchor(b, labels, x.sigmoid() / 3, 0.25, kind, penalty).Total, a);
        }
        Check(x => AnchorNet.Blend(AnchorNet.Mask(x), b, x).sin().sum(), a);
        Check(x => LatentEncoder.Draw(x, x.sin(), b).square().sum(), a);
    }

    private static AnchorTerms Anchor(MaskPenalty penalty) =>
        AugKdLosses.Anchor(
            Doubles(
                new double[,]
                {
                    { 2, 1, 0 },
                    { 0, 0, 0 },
                }
            ),
            Y,
            Doubles(
                new[,]
                {
                    { 0.1, 0.2, 0, 0.3 },
                    { 0, 0, 0, 0 },
                }
            ),
            0.25,
            Uncertainty.Energy,
            penalty
        );

    private static Tensor MixLoss(double[] student, double[] teacher, out double labels, out double soft)
    {
        var loss = Stubs.Plugin<AugKdMixLoss>(new AugKdMixOptions());
        var batch = new Batch(zeros(1, 1), new ClassIndexTarget(tensor(new long[] { 0 })), zeros(1, ScalarType.Int64));
        var context = new LossContextStub(
            Stubs.Output(tensor(student).unsqueeze(0)),
            Stubs.Output(tensor(teacher).unsqueeze(0)),
            batch
        );
        var value = loss.Compute(context);
        (labels, soft) = (Value(context.Reported["labels"]), Value(context.Reported["teacher"]));
        return value;
    }

    [Fact]
    public void The_mix_loss_refuses_logits_and_targets_that_do_not_fit()
    {
        var loss = Stubs.Plugin<AugKdMixLoss>(new AugKdMixOptions());
        Tensor Compute(Tensor student, Tensor teacher, Target target) =>
            loss.Compute(
                new LossContextStub(
                    Stubs.Output(student),
                    Stubs.Output(teacher),
                    new Batch(zeros(2, 1), target, zeros(2, ScalarType.Int64))
                )
            );
        var shapes = Assert.Throws<KdException>(() => Compute(zeros(2, 3), zeros(2, 4), new ClassIndexTarget(Y)));
        Assert.Equal(CoreErrors.ShapesDiffer, shapes.Code);
        Assert.Contains("[2, 3]", shapes.Message);
        Assert.Contains("[2, 4]", shapes.Message);
        var kind = Assert.Throws<KdException>(() => Compute(zeros(2, 3), zeros(2, 3), new NoTarget(2)));
        Assert.Equal(CoreErrors.TargetKind, kind.Code);
    }
}
