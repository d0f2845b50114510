using FsCheck;
using FsCheck.Xunit;
using Xunit;

namespace KdPlugins.Torch.Tests.Randomness;

public class SeededRandomTests
{
    // The known answers that the authors of Philox publish with Random123.
    [Theory]
    [InlineData(0u, 0u, 0u, 0u, 0u, 0u, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(
        0x243f6a88u,
        0x85a308d3u,
        0x13198a2eu,
        0x03707344u,
        0xa4093822u,
        0x299f31d0u,
        0xd16cfe09u,
        0x94fdccebu,
        0x5001e420u,
        0x24126ea1u
    )]
    public void Philox_gives_its_published_answers(
        uint c0,
        uint c1,
        uint c2,
        uint c3,
        uint k0,
        uint k1,
        uint x0,
        uint x1,
        uint x2,
        uint x3
    ) => Assert.Equal((x0, x1, x2, x3), Philox.Block(c0, c1, c2, c3, k0, k1));

    [Fact]
    public void The_sequence_of_a_seed_never_changes()
    {
        Assert.Equal(Golden.Seeds.Values("words", v => ulong.Parse(v.GetString()!)), Draw(9, r => r.NextUInt64(), 5));
        Assert.Equal(Golden.Seeds.Values("integers", v => v.GetInt32()), Draw(9, r => r.NextInt32(6), 12));
        var random = new SeededRandom(9);
        random.NextNormal();
        random.NextNormal();
        Assert.Equal(2UL, random.Position);
    }

    private static T[] Draw<T>(ulong seed, Func<SeededRandom, T> next, int count)
    {
        var random = new SeededRandom(seed);
        return [.. Enumerable.Range(0, count).Select(_ => next(random))];
    }

    [Property]
    public bool The_same_seed_gives_the_same_numbers_and_another_seed_others(ulong seed) =>
        Draw(seed, r => r.NextNormal(), 20).SequenceEqual(Draw(seed, r => r.NextNormal(), 20))
        && !Draw(seed, r => r.NextUInt64(), 4).SequenceEqual(Draw(seed + 1, r => r.NextUInt64(), 4));

    [Property]
    public bool Integers_stay_in_range(ulong seed, PositiveInt count) =>
        Draw(seed, r => r.NextInt64(count.Get), 50).All(v => v >= 0 && v < count.Get);

    // A range of two thirds of 2^63: the plain remainder would give the lower half twice as often.
    [Fact]
    public void Large_ranges_have_no_bias()
    {
        const long range = (1L << 62) / 2 * 3;
        var low = Draw(3, r => r.NextInt64(range), 40_000).Count(v => v < range / 2);
        Assert.InRange(low, 20_000 - 600, 20_000 + 600);
        Assert.All(Draw(3, r => r.NextInt64(long.MaxValue), 100), v => Assert.InRange(v, 0, long.MaxValue - 1));
    }

    [Fact]
    public void Small_ranges_are_even()
    {
        var counts = new int[7];
        foreach (var value in Draw(4, r => r.NextInt32(7), 70_000))
            counts[value]++;
        Assert.All(counts, c => Assert.InRange(c, 10_000 - 600, 10_000 + 600));
    }

    [Fact]
    public void Uniform_numbers_fill_their_range_evenly()
    {
        var doubles = Draw(5, r => r.NextDouble(), 40_000);
        Assert.All(doubles, v => Assert.InRange(v, 0, 1 - 1e-16));
        Assert.InRange(doubles.Average(), 0.49, 0.51);
        Assert.InRange(doubles.Select(v => v * v).Average(), 1 / 3.0 - 0.01, 1 / 3.0 + 0.01);
        Assert.All(Draw(5, r => r.NextSingle(), 1000), v => Assert.InRange(v, 0f, 0.99999994f));
        Assert.All(Draw(6, r => r.NextUniform(-3, 5), 1000), v => Assert.InRange(v, -3, 5));
        Assert.InRange(Draw(7, r => r.NextBool(0.2) ? 1 : 0, 20_000).Average(), 0.185, 0.215);
        Assert.DoesNotContain(true, Draw(8, r => r.NextBool(0), 1000));
        Assert.DoesNotContain(false, Draw(8, r => r.NextBool(1), 1000));
    }

    [Fact]
    public void Normal_numbers_have_the_normal_moments_and_tails()
    {
        var x = Draw(11, r => r.NextNormal(), 100_000);
        Assert.InRange(x.Average(), -0.015, 0.015);
        Assert.InRange(x.Average(v => v * v), 0.98, 1.02);
        Assert.InRange(x.Average(v => v * v * v), -0.05, 0.05);
        Assert.InRange(x.Average(v => v * v * v * v), 2.85, 3.15);
        Assert.InRange(x.Count(v => Math.Abs(v) > 1.959964) / 100_000.0, 0.047, 0.053);
    }

    [Theory]
    [InlineData(0.3)]
    [InlineData(1)]
    [InlineData(4.5)]
    public void Gamma_numbers_have_the_shape_as_mean_and_variance(double shape)
    {
        var x = Draw(12, r => r.NextGamma(shape), 60_000);
        Assert.InRange(x.Average() / shape, 0.97, 1.03);
        var mean = x.Average();
        Assert.InRange(x.Average(v => (v - mean) * (v - mean)) / shape, 0.94, 1.06);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(0.2, 0.2)]
    [InlineData(2, 5)]
    public void Beta_numbers_have_the_moments_of_the_distribution(double a, double b)
    {
        var x = Draw(13, r => r.NextBeta(a, b), 60_000);
        Assert.All(x, v => Assert.InRange(v, 0, 1));
        Assert.InRange(x.Average() - a / (a + b), -0.006, 0.006);
        var variance = a * b / ((a + b) * (a + b) * (a + b + 1));
        var mean = x.Average();
        Assert.InRange(x.Average(v => (v - mean) * (v - mean)) / variance, 0.97, 1.03);
    }

    [Fact]
    public void Beta_with_tiny_parameters_is_near_the_ends_and_never_undefined()
    {
        var x = Draw(14, r => r.NextBeta(1e-4, 1e-4), 2000);
        Assert.DoesNotContain(x, double.IsNaN);
        Assert.InRange(x.Count(v => v > 0.5), 800, 1200);
    }

    [Fact]
    public void A_shuffle_reaches_every_order_equally_often()
    {
        var counts = new Dictionary<string, int>();
        var random = new SeededRandom(15);
        for (var i = 0; i < 24_000; i++)
        {
            var letters = "abcd".ToCharArray();
            random.Shuffle<char>(letters);
            var word = new string(letters);
            counts[word] = counts.GetValueOrDefault(word) + 1;
        }
        Assert.Equal(24, counts.Count);
        Assert.All(counts.Values, c => Assert.InRange(c, 1000 - 200, 1000 + 200));
    }

    [Fact]
    public void What_cannot_be_drawn_is_refused_with_its_value()
    {
        var random = new SeededRandom(1);
        Assert.Contains("count 0; expected at least 1", Refusal(() => random.NextInt32(0)));
        Assert.Contains("probability 1.5", Refusal(() => random.NextBool(1.5)));
        Assert.Contains("probability NaN", Refusal(() => random.NextBool(double.NaN)));
        Assert.Contains("range [2, 1)", Refusal(() => random.NextUniform(2, 1)));
        Assert.Contains("parameter 0", Refusal(() => random.NextBeta(1, 0)));
        Assert.Contains("parameter NaN", Refusal(() => random.NextGamma(double.NaN)));
    }

    private static string Refusal(Action draw)
    {
        var failure = Assert.Throws<KdException>(draw);
        Assert.Equal("KDP0004", failure.Code.Id);
        return failure.Message;
    }
}
