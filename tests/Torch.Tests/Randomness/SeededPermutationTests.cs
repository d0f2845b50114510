using Xunit;

namespace KdPlugins.Torch.Tests.Randomness;

public class SeededPermutationTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(100)]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData(10_000)]
    [InlineData(50_000)]
    [InlineData(65_536)]
    public void Every_item_comes_exactly_once(int count)
    {
        var order = new SeededPermutation(7, count);
        var seen = new bool[count];
        for (var i = 0; i < count; i++)
        {
            Assert.False(seen[order[i]]);
            seen[order[i]] = true;
        }
    }

    [Fact]
    public void The_orders_never_change()
    {
        var small = new SeededPermutation(1, 8);
        Assert.Equal(Golden.Seeds.Values("table", v => v.GetInt64()), Enumerable.Range(0, 8).Select(i => small[i]));
        var large = new SeededPermutation(1, 50_000);
        Assert.Equal(
            Golden.Seeds.Values("network", v => v.GetInt64()),
            (long[])[large[0], large[1], large[2], large[49_999]]
        );
    }

    [Fact]
    public void A_place_far_into_a_huge_order_is_found_at_once()
    {
        var order = new SeededPermutation(3, 1L << 60);
        Assert.InRange(order[(1L << 60) - 1], 0, (1L << 60) - 1);
        Assert.Equal(long.Parse(Golden.Seeds.GetProperty("huge").GetString()!), order[123_456_789_012]);
    }

    [Fact]
    public void Another_seed_gives_an_unrelated_order()
    {
        const int count = 20_000;
        SeededPermutation a = new(1, count),
            b = new(2, count);
        // Two random orders agree in one place on average.
        Assert.InRange(Enumerable.Range(0, count).Count(i => a[i] == b[i]), 0, 8);
        Assert.InRange(Enumerable.Range(0, count).Count(i => a[i] == i), 0, 8);
    }

    [Fact]
    public void Places_and_items_are_uncorrelated_and_neighbours_are_torn_apart()
    {
        const int count = 30_000;
        var order = new SeededPermutation(5, count);
        double mean = (count - 1) / 2.0,
            covariance = 0,
            serial = 0;
        for (var i = 0; i < count; i++)
        {
            covariance += (i - mean) * (order[i] - mean);
            serial += (order[i] - mean) * (order[(i + 1) % count] - mean);
        }
        var variance = count * ((double)count * count - 1) / 12;
        // Each has deviation 1/sqrt(count) = 0.0058.
        Assert.InRange(covariance / variance, -0.03, 0.03);
        Assert.InRange(serial / variance, -0.03, 0.03);
    }

    [Fact]
    public void The_first_item_is_any_item_equally_often()
    {
        var counts = new int[10];
        for (ulong seed = 0; seed < 20_000; seed++)
            counts[new SeededPermutation(seed, 5000)[0] / 500]++;
        Assert.All(counts, c => Assert.InRange(c, 2000 - 250, 2000 + 250));
    }

    [Fact]
    public void No_such_place_and_no_such_count_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new SeededPermutation(1, 5)[5]);
        Assert.Throws<ArgumentOutOfRangeException>(() => new SeededPermutation(1, 50_000)[-1]);
        Assert.Equal("KDP0004", Assert.Throws<KdException>(() => new SeededPermutation(1, -1)).Code.Id);
    }
}
