using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static KdPlugins.Infer.Tests.Goldens;
using static TorchSharp.torch;

namespace KdPlugins.Infer.Tests;

public sealed class SynthesisMathTests
{
    private static Tensor Gap(Tensor activations, double[] mean, double[] variance)
    {
        var (m, v) = NormStatistics.Moments(activations, unbiased: false);
        return SynthesisMath.StatisticsGap(m, v, T(mean), T(variance));
    }

    [Fact]
    public void Golden_2_one_channel_against_mean_0_and_variance_1()
    {
        using var _ = NewDisposeScope();
        var activations = T(0, 1, 2, 3).view(4, 1, 1, 1);
        var (mean, variance) = NormStatistics.Moments(activations, unbiased: false);
        Near(1.5, mean);
        Near(1.25, variance);
        Near(1.75, Gap(activations, [0], [1]));
        Near(17.5, SynthesisMath.WeightedGap([Gap(activations, [0], [1])], 10));
    }

    [Fact]
    public void Golden_2_equal_statistics_have_no_gap_and_no_gradient()
    {
        using var _ = NewDisposeScope();
        var activations = T(-1, 1, -1, 1).view(2, 1, 2, 1).requires_grad_(true);
        var gap = Gap(activations, [0], [1]);
        gap.backward();
        Near(0, gap);
        Near([0, 0, 0, 0], activations.grad!);
    }

    [Fact]
    public void Golden_2_two_channels_with_gradient()
    {
        using var _ = NewDisposeScope();
        // [N = 4, C = 2]
        var activations = stack([T(0, 1, 2, 3), T(4, 0, -2, 2)], 1).view(4, 2, 1, 1).requires_grad_(true);
        var gap = Gap(activations, [.5, -1], [2, .25]);
        gap.backward();
        Near(7.0449140, gap);
        var gradient = activations.grad!.view(4, 2).transpose(0, 1);
        Near([0.2287753, 0.1507940, 0.0728126, -0.0051685], gradient[0]);
        Near([1.7052513, -0.2702747, -1.2580377, 0.7174883], gradient[1]);
    }

    [Fact]
    public void The_gaps_gradient_is_that_of_differences()
    {
        using var _ = NewDisposeScope();
        var at = (arange(2 * 3 * 2 * 2, dtype: ScalarType.Float64) * 0.7).sin().view(2, 3, 2, 2);
        var error = GradientCheck.Error(
            x => SynthesisMath.WeightedGap([Gap(x, [.1, .2, .3], [1, 2, 3]), Gap(x * 2, [0, 0, 0], [1, 1, 1])], 10),
            at
        );
        Assert.InRange(error, 0, 1e-7);
    }

    [Theory]
    [InlineData(0, 0.25)]
    [InlineData(1, 0.2499994)]
    [InlineData(250, 0.2133883)]
    [InlineData(500, 0.125)]
    [InlineData(750, 0.0366117)]
    [InlineData(999, 6.1685e-7)]
    public void Golden_3_the_rate_falls_by_a_cosine(long step, double rate) =>
        Assert.Equal(rate, 0.25 * SynthesisMath.CosineDecay(step, 1000), step == 999 ? 1e-11 : 1e-7);

    public static TheoryData<double[], double[], double[], double[]> Ranges =>
        new()
        {
            { Cifar100Mean, Cifar100Std, [-1.8957009, -1.8974659, -1.5965230], [1.8426168, 2.0011696, 2.0253531] },
            {
                [.4914, .4822, .4465],
                [.2023, .1994, .2010],
                [-2.4290657, -2.4182548, -2.2213930],
                [2.5140880, 2.5967904, 2.7537313]
            },
            {
                [.4802, .4481, .3975],
                [.2302, .2265, .2262],
                [-2.0860122, -1.9783664, -1.7572944],
                [2.2580365, 2.4366446, 2.6635721]
            },
        };

    [Theory]
    [MemberData(nameof(Ranges))]
    public void Golden_4_normalised_pixels_have_these_bounds(double[] mean, double[] std, double[] low, double[] high)
    {
        using var _ = NewDisposeScope();
        var (lowest, highest) = new PixelSpace(mean, std).Bounds(T(0));
        Near(low, lowest);
        Near(high, highest);
    }

    [Fact]
    public void Golden_7_a_roll_moves_down_and_right_and_its_opposite_restores()
    {
        using var _ = NewDisposeScope();
        var images = arange(9, dtype: ScalarType.Float64).view(1, 1, 3, 3).requires_grad_(true);
        var rolled = SynthesisMath.Roll(images, 1, 2);
        Near([7, 8, 6, 1, 2, 0, 4, 5, 3], rolled);
        Near([0, 1, 2, 3, 4, 5, 6, 7, 8], SynthesisMath.Roll(rolled, -1, -2));
        var weights = (arange(9, dtype: ScalarType.Float64) * 1.3).cos().view(1, 1, 3, 3);
        (rolled * weights).sum().backward();
        Assert.True(images.grad!.equal(SynthesisMath.Roll(weights, -1, -2)).all().item<bool>());
    }

    [Fact]
    public void A_part_at_full_size_is_the_image_and_every_drawn_part_lies_inside()
    {
        using var _ = NewDisposeScope();
        var images = rand(2, 3, 9, 7);
        Assert.True(SynthesisMath.CropAndResize(images, 0, 0, 9, 7).equal(images).all().item<bool>());
        var random = new SeededRandom(5);
        var areas = new List<double>();
        for (var i = 0; i < 500; i++)
        {
            var (top, left, height, width) = SynthesisMath.DrawCrop(random, 9, 7);
            Assert.True(top >= 0 && left >= 0 && height >= 1 && width >= 1 && top + height <= 9 && left + width <= 7);
            areas.Add(height * width / 63.0);
        }
        Assert.InRange(areas.Average(), 0.3, 0.7);
        Assert.Equal([2, 3, 9, 7], SynthesisMath.CropAndResize(images, 2, 1, 4, 5).shape);
    }

    [Fact]
    public void Jitter_is_a_function_of_its_random_stream_and_of_nothing_else()
    {
        using var _ = NewDisposeScope();
        var images = rand(2, 3, 8, 8);
        Tensor Once(ulong seed, bool crop, int jitter) => Inversion.Jitter(images, new(seed), crop, jitter);
        Assert.True(Once(3, true, 4).equal(Once(3, true, 4)).all().item<bool>());
        Assert.Same(images, Once(3, false, 0));
        var offsets = Enumerable
            .Range(0, 200)
            .Select(i => Once((ulong)i, false, 2)[0, 0, 0, 0].item<float>())
            .Distinct();
        Assert.Equal(9, offsets.Count());
    }

    [Fact]
    public void What_does_not_fit_is_refused_by_name()
    {
        Assert.Equal("KDP0004", Assert.Throws<KdException>(() => SynthesisMath.WeightedGap([], 10)).Code.Id);
        Assert.Equal("KDP0303", Assert.Throws<KdException>(() => new PixelSpace([.5], [.2, .2])).Code.Id);
        Assert.Equal("KDP0004", Assert.Throws<KdException>(() => LabelMath.MeanLogits([])).Code.Id);
        using var _ = NewDisposeScope();
        Assert.Equal(
            "KDP0303",
            Assert.Throws<KdException>(() => LabelMath.MeanLogits([zeros(2, 3), zeros(2, 4)])).Code.Id
        );
        Assert.Equal("KDP0004", Assert.Throws<KdException>(() => LabelMath.Blend(Inputs, Partners, 1.5)).Code.Id);
        Assert.Equal(
            "KDP0004",
            Assert.Throws<KdException>(() => LabelMath.Blend(Inputs, Partners, double.NaN)).Code.Id
        );
        var three = tensor(new long[] { 0, 1, 0 });
        Assert.Equal("KDP0303", Assert.Throws<KdException>(() => LabelMath.Blend(Inputs, three, 0.5)).Code.Id);
    }
}
