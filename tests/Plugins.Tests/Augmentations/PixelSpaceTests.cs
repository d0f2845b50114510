using FsCheck.Xunit;
using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Augmentations;

public class PixelSpaceTests
{
    // Channels of means in [0, 1] and deviations in [0.01, 1], and normalised values well beyond what pixels can be.
    private static (PixelSpace Space, Tensor Values) Draw(int seed, byte channels)
    {
        var random = new Random(seed);
        double[] Some(double least) =>
            [.. Enumerable.Range(0, 1 + channels % 4).Select(_ => least + (1 - least) * random.NextDouble())];
        var (mean, std) = (Some(0), Some(0.01));
        var values = new double[2 * mean.Length * 6];
        for (var i = 0; i < values.Length; i++)
            values[i] = 300 * (random.NextDouble() - 0.5);
        return (new(mean, std), tensor(values).view(2, -1, 3, 2));
    }

    private static double[] Plain(PixelSpace space, Tensor values, Func<double, double, double, double> of)
    {
        var all = values.data<double>().ToArray();
        return
        [
            .. all.Select((v, i) => of(v, space.Mean[i / 6 % space.Mean.Count], space.Std[i / 6 % space.Mean.Count])),
        ];
    }

    [Property(MaxTest = 40)]
    public bool There_and_back_is_where_it_began_and_both_ways_are_plain_loops(int seed, byte channels)
    {
        using var scope = NewDisposeScope();
        var (space, values) = Draw(seed, channels);
        var there = space.Normalise(values);
        return there.data<double>().SequenceEqual(Plain(space, values, (v, m, s) => (v - m) / s))
            && space.ToPixels(values).data<double>().SequenceEqual(Plain(space, values, (v, m, s) => v * s + m))
            && space.Scale(values).data<double>().SequenceEqual(Plain(space, values, (v, _, s) => v * s))
            && space.ToPixels(there).allclose(values, 1e-12, 1e-12);
    }

    [Property(MaxTest = 40)]
    public bool Bounds_are_the_normalised_values_of_black_and_white(int seed, byte channels)
    {
        using var scope = NewDisposeScope();
        var (space, values) = Draw(seed, channels);
        var (low, high) = space.Bounds(values);
        return space.Normalise(zeros_like(values)[..1, .., ..1, ..1]).equal(low).all().item<bool>()
            && space.Normalise(ones_like(values)[..1, .., ..1, ..1]).equal(high).all().item<bool>()
            && space.Range.Least == low.min().item<double>()
            && space.Range.Most == high.max().item<double>();
    }

    [Property(MaxTest = 40)]
    public bool A_clamp_changes_only_what_no_pixel_can_be_and_a_second_one_nothing(int seed, byte channels)
    {
        using var scope = NewDisposeScope();
        var (space, values) = Draw(seed, channels);
        var once = values.clone();
        space.Clamp(once);
        var twice = once.clone();
        space.Clamp(twice);
        return once.data<double>().SequenceEqual(Plain(space, values, (v, m, s) => Math.Clamp(v, -m / s, (1 - m) / s)))
            && twice.equal(once).all().item<bool>();
    }

    [Fact]
    public void A_clamp_serves_what_is_trained_and_records_nothing()
    {
        using var scope = NewDisposeScope();
        var values = (arange(12, ScalarType.Float32).view(1, 3, 2, 2) - 6).requires_grad_(true);
        new PixelSpace([0.5, 0.5, 0.5], [0.25, 0.25, 0.25]).Clamp(values);
        Assert.True(values.is_leaf);
        Assert.Equal(-2, values.min().item<float>());
        Assert.Equal(2, values.max().item<float>());
    }

    [Fact]
    public void Bytes_keep_every_level_and_end_at_0_and_255()
    {
        using var scope = NewDisposeScope();
        var levels = arange(256, ScalarType.Int64).to(ScalarType.Byte);
        Assert.Equal(levels, PixelSpace.ToBytes(PixelSpace.FromBytes(levels)));
        byte[] ends = [0, 255, 128];
        Assert.Equal(ends, PixelSpace.ToBytes(tensor([-0.3f, 1.2f, 0.5009f])).data<byte>().ToArray());
    }

    [Fact]
    public void Data_that_do_not_know_their_mean_are_in_both_spaces_at_once()
    {
        using var scope = NewDisposeScope();
        var data = new DataInfo(InputKind.Image, [2, 4, 4], TargetKind.ClassIndex, 3, [], [], [], []);
        var values = arange(8, ScalarType.Float32).view(1, 2, 2, 2);
        Assert.Equal(values, PixelSpace.Of(data).Normalise(values));
        Assert.Equal(values, PixelSpace.Of(data).ToPixels(values));
    }
}
