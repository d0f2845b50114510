using FsCheck.Xunit;
using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Augmentations;

public class MixingTests
{
    private static readonly DataInfo TenClasses = Stubs.Data([2, 6, 5], 10);

    private static IAugmentation Bound<T>(object options, DataInfo? data = null)
        where T : IAugmentation, new()
    {
        var augmentation = Tests.Make.Plugin<T>(options);
        augmentation.Bind(data ?? TenClasses);
        return augmentation;
    }

    private static IAugmentation Mixup(double alpha = 1, double probability = 1) =>
        Bound<MixupAugmentation>(new MixupOptions { Alpha = alpha, Probability = probability });

    private static IAugmentation Cutmix(double alpha = 1, double probability = 1) =>
        Bound<CutmixAugmentation>(new CutmixOptions { Alpha = alpha, Probability = probability });

    private static Batch Labelled(int seed) =>
        Images.Random(seed, 4, 2, 6, 5, new ClassIndexTarget(tensor(new long[] { 3, 0, 9, 3 })));

    private static double Share(Batch batch, string id) => batch.Parameters[$"{id}.share"].item<double>();

    private static bool SharesAre(Batch result, long[] labels, long[] partners, double share)
    {
        var soft = Images.Flat(((SoftTarget)result.Target).Values);
        for (var b = 0; b < labels.Length; b++)
        for (var c = 0; c < 10; c++)
        {
            var expected = (labels[b] == c ? share : 0) + (labels[partners[b]] == c ? 1 - share : 0);
            if (Math.Abs(soft[b * 10 + c] - expected) > 1e-6)
                return false;
        }
        return true;
    }

    [Property(MaxTest = 30)]
    public bool Mixup_blends_images_and_labels_by_the_recorded_share(int seed)
    {
        using var scope = NewDisposeScope();
        var batch = Labelled(seed);
        var result = Mixup().Apply(batch, Images.At((ulong)seed));
        var (source, got, share) = (Images.Values(batch.Input), Images.Values(result.Input), Share(result, "mixup"));
        var partners = Images.Longs(result.Parameters["mixup.partners"]);
        for (var b = 0; b < 4; b++)
        for (var c = 0; c < 2; c++)
        for (var y = 0; y < 6; y++)
        for (var x = 0; x < 5; x++)
        {
            var expected = share * source[b, c, y, x] + (1 - share) * source[partners[b], c, y, x];
            if (Math.Abs(got[b, c, y, x] - expected) > 1e-6)
                return false;
        }
        return share is >= 0 and <= 1
            && partners.Order().SequenceEqual([0, 1, 2, 3])
            && SharesAre(result, [3, 0, 9, 3], partners, share);
    }

    [Property(MaxTest = 60)]
    public bool Cutmix_pastes_the_recorded_rectangle_and_its_share_is_the_area_that_stays(int seed)
    {
        using var scope = NewDisposeScope();
        var batch = Labelled(seed);
        var result = Cutmix().Apply(batch, Images.At((ulong)seed));
        var (source, got, share) = (Images.Values(batch.Input), Images.Values(result.Input), Share(result, "cutmix"));
        var partners = Images.Longs(result.Parameters["cutmix.partners"]);
        var r = Images.Longs(result.Parameters["cutmix.rectangle"]);
        var pasted = 0;
        for (var b = 0; b < 4; b++)
        for (var y = 0; y < 6; y++)
        for (var x = 0; x < 5; x++)
        {
            var inside = y >= r[0] && y < r[2] && x >= r[1] && x < r[3];
            pasted += inside ? 1 : 0;
            for (var c = 0; c < 2; c++)
                if (got[b, c, y, x] != source[inside ? partners[b] : b, c, y, x])
                    return false;
        }
        return Math.Abs(share - (1 - pasted / 120.0)) < 1e-12 && SharesAre(result, [3, 0, 9, 3], partners, share);
    }

    [Fact]
    public void Cutmix_pastes_class_maps_along()
    {
        using var scope = NewDisposeScope();
        var maps = Stubs.Data([2, 6, 5], 256, TargetKind.ClassMap);
        var batch = Images.Random(1, 4, 2, 6, 5);
        batch = batch.WithTarget(Images.MapOf(batch.Input));
        var result = Bound<CutmixAugmentation>(new CutmixOptions(), maps).Apply(batch, Images.At(3));
        Assert.NotEqual(Images.Flat(batch.Input), Images.Flat(result.Input));
        Assert.Equal(
            Images.Longs(Images.MapOf(result.Input).Labels),
            Images.Longs(((ClassMapTarget)result.Target).Labels)
        );
    }

    [Fact]
    public void Soft_targets_are_mixed_again()
    {
        using var scope = NewDisposeScope();
        var once = Mixup().Apply(Labelled(1), Images.At(1));
        var twice = Cutmix().Apply(once, Images.At(2));
        var sums = Images.Flat(((SoftTarget)twice.Target).Values.sum(1));
        Assert.All(sums, s => Assert.Equal(1, s, 1e-5f));
        Assert.Contains("mixup.share", twice.Parameters.Keys);
    }

    [Fact]
    public void With_probability_zero_images_stay_and_labels_become_soft()
    {
        using var scope = NewDisposeScope();
        var batch = Labelled(1);
        foreach (var (id, augmentation) in new[] { ("mixup", Mixup(1, 0)), ("cutmix", Cutmix(1, 0)) })
        {
            var result = augmentation.Apply(batch, Images.At(1));
            Assert.Equal(Images.Flat(batch.Input), Images.Flat(result.Input));
            Assert.Equal(1, Share(result, id));
            Assert.Equal([3, 0, 9, 3], Images.Longs(((SoftTarget)result.Target).Values.argmax(1)));
        }
    }

    // Mean 1/2 and variance 1 / (4 (2 alpha + 1)) of Beta(alpha, alpha).
    [Theory]
    [InlineData(0.2)]
    [InlineData(1)]
    [InlineData(4)]
    public void Shares_have_the_moments_of_the_beta_distribution(double alpha)
    {
        using var scope = NewDisposeScope();
        var mixup = Mixup(alpha);
        var batch = new Batch(
            zeros(1, 2, 1, 1),
            new ClassIndexTarget(zeros(1, ScalarType.Int64)),
            zeros(1, ScalarType.Int64)
        );
        var shares = Enumerable
            .Range(0, 1500)
            .Select(i =>
            {
                using var inner = NewDisposeScope();
                return Share(mixup.Apply(batch, Images.At((ulong)i)), "mixup");
            })
            .ToArray();
        var variance = 1 / (4 * (2 * alpha + 1));
        var mean = shares.Average();
        // Five standard errors; that of the variance is below variance * sqrt(2 / n) for flat distributions.
        Assert.InRange(mean, 0.5 - 5 * Math.Sqrt(variance / 1500), 0.5 + 5 * Math.Sqrt(variance / 1500));
        var found = shares.Average(s => (s - mean) * (s - mean));
        Assert.InRange(found / variance, 1 - 5 * Math.Sqrt(2.0 / 1500), 1 + 5 * Math.Sqrt(2.0 / 1500));
    }

    [Fact]
    public void The_same_step_gives_the_same_mixture_and_another_step_another()
    {
        using var scope = NewDisposeScope();
        foreach (var augmentation in new[] { Mixup(), Cutmix() })
        {
            var batch = Labelled(1);
            var first = Images.Flat(augmentation.Apply(batch, Images.At(5)).Input);
            Assert.Equal(first, Images.Flat(augmentation.Apply(batch, Images.At(5)).Input));
            Assert.NotEqual(first, Images.Flat(augmentation.Apply(batch, Images.At(6)).Input));
            Images.TheInputStays(augmentation, new ClassIndexTarget(tensor(new long[] { 1, 2, 3 })));
        }
    }

    [Fact]
    public void Targets_that_cannot_be_mixed_are_refused_when_it_is_bound()
    {
        var boxes = Stubs.Data([2, 6, 5], 10, TargetKind.Boxes);
        var maps = Stubs.Data([2, 6, 5], 10, TargetKind.ClassMap);
        var unknown = Stubs.Data([2, 6, 5], 0);
        void Fails(Action action) => Assert.Equal(CoreErrors.WrongCombination, Assert.Throws<KdException>(action).Code);
        Fails(() => Bound<MixupAugmentation>(new MixupOptions(), boxes));
        Fails(() => Bound<MixupAugmentation>(new MixupOptions(), maps));
        Fails(() => Bound<MixupAugmentation>(new MixupOptions(), unknown));
        Fails(() => Bound<CutmixAugmentation>(new CutmixOptions(), boxes));
        using var scope = NewDisposeScope();
        var unlabelled = Images.Random(1, 2, 2, 6, 5);
        var failure = Assert.Throws<KdException>(() => Mixup().Apply(unlabelled, Images.At(1)));
        Assert.Equal(CoreErrors.TargetKind, failure.Code);
    }
}
