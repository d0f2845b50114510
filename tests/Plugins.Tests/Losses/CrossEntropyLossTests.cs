using KdPlugins.Core;
using KdPlugins.Losses;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Losses;

public class CrossEntropyLossTests
{
    private static readonly double[,] Zs =
    {
        { 1, 2, .5, -1 },
        { 0, 1, 0, 3 },
    };

    private static Tensor Loss(Tensor logits, Target target, double smoothing = 0) =>
        Make.Plugin<CrossEntropyLoss>(new CrossEntropyOptions { LabelSmoothing = smoothing })
            .Compute(Make.Loss(logits, null, Make.Batch(target)));

    private static Target Classes(params long[] labels) => new ClassIndexTarget(tensor(labels));

    [Fact]
    public void Golden_value_of_the_published_code()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(0.8530897607, Loss(Make.Doubles(Zs), Classes(0, 3)).item<double>(), 1e-9);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.1)]
    public void Classes_and_the_soft_targets_that_say_the_same_give_the_same_loss_and_gradient(double smoothing)
    {
        using var scope = NewDisposeScope();
        var (hard, soft) = (Make.Doubles(Zs).requires_grad_(true), Make.Doubles(Zs).requires_grad_(true));
        var oneHot = nn.functional.one_hot(tensor(new long[] { 0, 3 }), 4).to(ScalarType.Float64);
        var first = Loss(hard, Classes(0, 3), smoothing);
        var second = Loss(soft, new SoftTarget(oneHot), smoothing);
        Assert.Equal(first.item<double>(), second.item<double>(), 1e-12);
        (first + second).backward();
        Assert.True(hard.grad!.allclose(soft.grad!, rtol: 0, atol: 1e-12));
    }

    [Fact]
    public void Smoothing_is_the_mixture_of_the_target_with_all_classes()
    {
        using var scope = NewDisposeScope();
        var expected = 0.0;
        for (var b = 0; b < 2; b++)
        {
            var p = Numeric.Softmax([Zs[b, 0], Zs[b, 1], Zs[b, 2], Zs[b, 3]], 1);
            var label = b == 0 ? 0 : 3;
            for (var c = 0; c < 4; c++)
                expected -= ((c == label ? 0.8 : 0) + 0.2 / 4) * Math.Log(p[c]) / 2;
        }
        Assert.Equal(expected, Loss(Make.Doubles(Zs), Classes(0, 3), 0.2).item<double>(), 1e-12);
    }

    [Fact]
    public void The_gradient_is_that_of_finite_differences()
    {
        using var scope = NewDisposeScope();
        var soft = new SoftTarget(
            Make.Doubles(
                new[,]
                {
                    { .1, .2, .3, .4 },
                    { .7, .1, .1, .1 },
                }
            )
        );
        Assert.InRange(GradientCheck.Error(z => Loss(z, soft, 0.1), Make.Doubles(Zs)), 0, 1e-8);
        Assert.InRange(GradientCheck.Error(z => Loss(z, Classes(1, 2), 0.1), Make.Doubles(Zs)), 0, 1e-8);
    }

    [Fact]
    public void Pixels_of_the_ignored_class_count_neither_above_nor_below_the_line()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(1);
        var logits = randn([1, 3, 2, 2], ScalarType.Float64).requires_grad_(true);
        var labels = tensor(new long[] { 0, 11, 2, 1 }).view(1, 2, 2);
        var loss = Loss(logits, new ClassMapTarget(labels, 11));
        var expected = 0.0;
        foreach (var (y, x, label) in new[] { (0, 0, 0), (1, 0, 2), (1, 1, 1) })
            expected -= Math.Log(Numeric.Softmax(Make.Flat(logits.detach()[0, .., y, x]), 1)[label]) / 3;
        Assert.Equal(expected, loss.item<double>(), 1e-12);
        loss.backward();
        Assert.All(Make.Flat(logits.grad![0, .., 0, 1]), g => Assert.Equal(0, g));
    }

    [Fact]
    public void A_map_in_which_nothing_counts_gives_zero_and_no_gradient()
    {
        using var scope = NewDisposeScope();
        var logits = ones(1, 3, 2, 2).requires_grad_(true);
        var loss = Loss(logits, new ClassMapTarget(full([1, 2, 2], 255, ScalarType.Int64), 255));
        loss.backward();
        Assert.Equal(0, loss.item<float>());
        Assert.Equal(0, logits.grad!.abs().sum().item<float>());
    }

    [Fact]
    public void Tokens_that_the_mask_hides_do_not_count()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(1);
        var logits = randn([2, 2, 5], ScalarType.Float64);
        var target = new TokenTarget(
            tensor(
                new long[,]
                {
                    { 4, 0 },
                    { 1, 3 },
                }
            ),
            tensor(
                new[,]
                {
                    { true, false },
                    { true, true },
                }
            )
        );
        double One(int b, int l, int id) => -Math.Log(Numeric.Softmax(Make.Flat(logits[b][l]), 1)[id]);
        Assert.Equal((One(0, 0, 4) + One(1, 0, 1) + One(1, 1, 3)) / 3, Loss(logits, target).item<double>(), 1e-12);
    }

    [Theory]
    [InlineData(1e4)]
    [InlineData(-1e4)]
    public void Extreme_logits_stay_finite(double logit)
    {
        using var scope = NewDisposeScope();
        var logits = tensor(
                new[,]
                {
                    { logit, 0 },
                }
            )
            .to(ScalarType.Float32);
        Assert.Equal(Math.Max(0, -logit), Loss(logits, Classes(0)).item<float>(), 1e-3);
    }

    [Fact]
    public void Shapes_that_do_not_belong_together_are_named()
    {
        using var scope = NewDisposeScope();
        Target[] targets =
        [
            new SoftTarget(zeros(2, 3)),
            new ClassMapTarget(zeros([2, 2, 2], ScalarType.Int64), -1),
            Classes(0, 1, 2),
        ];
        foreach (var target in targets)
        {
            var failure = Assert.Throws<KdException>(() => Loss(zeros(2, 4), target));
            Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
            Assert.Contains("[2, 4]", failure.Message);
        }
    }

    [Fact]
    public void A_target_of_another_kind_is_refused()
    {
        using var scope = NewDisposeScope();
        var failure = Assert.Throws<KdException>(() => Loss(zeros(2, 4), new NoTarget(2)));
        Assert.Equal(CoreErrors.TargetKind, failure.Code);
    }

    // Networks answer at a stride of their own, and with a second head.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Smaller_maps_of_any_head_are_enlarged(bool alignCorners)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(1);
        var (main, aux) = (randn([2, 3, 3, 4], ScalarType.Float64), randn([2, 3, 2, 2], ScalarType.Float64));
        var labels = randint(0, 3, [2, 6, 8], ScalarType.Int64);
        var output = Testing.Stubs.Output(main, null, new Dictionary<string, Tensor> { ["aux"] = aux });
        foreach (var (tap, logits) in new[] { ("", main), ("aux", aux) })
        {
            var loss = Make.Plugin<CrossEntropyLoss>(
                new CrossEntropyOptions { Tap = tap, AlignCorners = alignCorners }
            );
            var batch = Make.Batch(new ClassMapTarget(labels, 255));
            var large = nn.functional.interpolate(
                logits,
                size: [6, 8],
                mode: InterpolationMode.Bilinear,
                align_corners: alignCorners
            );
            var p = large.log_softmax(1).gather(1, labels.unsqueeze(1));
            var found = loss.Compute(new Testing.LossContextStub(output, null, batch)).item<double>();
            Assert.Equal(-p.mean().item<double>(), found, 1e-12);
        }
    }

    [Fact]
    public void Maps_larger_than_their_labels_are_refused()
    {
        using var scope = NewDisposeScope();
        var target = new ClassMapTarget(zeros([1, 4, 4], ScalarType.Int64), 255);
        var failure = Assert.Throws<KdException>(() => Loss(zeros(1, 3, 5, 4), target));
        Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
    }
}
