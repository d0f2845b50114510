using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using KdPlugins.Core;

namespace KdPlugins.SelectiveFd.Tests;

/// <summary>Every sample is one client's, and whose follows from the key alone.</summary>
public sealed class PartitionTests
{
    private static long[] Labels(int count, int classes) =>
        [.. Enumerable.Range(0, count).Select(i => (long)(i % classes))];

    private static bool IsWhole(long[][] parts, int count) =>
        parts.SelectMany(p => p).Order().SequenceEqual(Enumerable.Range(0, count).Select(i => (long)i))
        && parts.All(p => p.SequenceEqual(p.Order()));

    [Property(MaxTest = 60)]
    public bool Every_sample_is_in_one_part_and_the_key_says_which(
        PositiveInt count,
        PositiveInt classes,
        PositiveInt clients,
        uint seed
    )
    {
        var (n, c, k) = (count.Get * 3, classes.Get % 9 + 1, clients.Get % 12 + 2);
        var labels = Labels(n, c);
        var alpha = Math.Pow(10, seed % 6 - 2.0);
        long[][] Dealt() => Partition.Dirichlet(labels, k, alpha, new RandomKey(seed));
        var parts = Dealt();
        return parts.Length == k && IsWhole(parts, n) && Dealt().Zip(parts).All(p => p.First.SequenceEqual(p.Second));
    }

    [Property(MaxTest = 60)]
    public bool Of_the_split_by_classes_too(PositiveInt classes, PositiveInt each, PositiveInt clients, uint seed)
    {
        var c = classes.Get % 9 + 1;
        var own = each.Get % c + 1;
        var k = Math.Max(clients.Get % 12 + 2, (c + own - 1) / own);
        var labels = Labels(c * 40, c);
        var parts = Partition.Classes(labels, k, own, new RandomKey(seed));
        return IsWhole(parts, labels.Length) && parts.All(p => p.Select(i => labels[i]).Distinct().Count() == own);
    }

    [Fact]
    public void Clients_that_share_a_class_have_equal_parts_of_it()
    {
        var labels = Labels(1000, 10);
        var parts = Partition.Classes(labels, 10, 2, new RandomKey(3));
        Assert.All(parts, p => Assert.Equal(100, p.Length));
        Assert.NotEqual(
            parts.Select(p => string.Join(' ', p)),
            Partition.Classes(labels, 10, 2, new RandomKey(4)).Select(p => string.Join(' ', p))
        );
    }

    [Fact]
    public void A_large_alpha_is_nearly_uniform_and_a_small_one_is_not()
    {
        var labels = Labels(4000, 4);
        double[] Shares(double alpha) =>
            [
                .. Partition
                    .Dirichlet(labels, 5, alpha, new RandomKey(1))
                    .SelectMany(p => Enumerable.Range(0, 4).Select(c => p.Count(i => labels[i] == c) / 1000.0)),
            ];
        Assert.All(Shares(1e5), s => Assert.InRange(s, .19, .21));
        // Of each class one client has nearly all.
        Assert.InRange(Shares(.01).Count(s => s > .8), 3, 4);
        Assert.True(Shares(.01).Count(s => s < .01) >= 12);
    }

    // E[x^2] of a share is (alpha + 1) / (K (K alpha + 1)).
    [Theory]
    [InlineData(.3)]
    [InlineData(2)]
    public void Shares_have_the_second_moment_of_their_distribution(double alpha)
    {
        const int Clients = 4;
        const int Classes = 400;
        var labels = Labels(Classes * 100, Classes);
        var parts = Partition.Dirichlet(labels, Clients, alpha, new RandomKey(8));
        var squares = parts.SelectMany(p => p.GroupBy(i => labels[i]).Select(g => Math.Pow(g.Count() / 100.0, 2)));
        var expected = (alpha + 1) / (Clients * (Clients * alpha + 1));
        Assert.Equal(expected, squares.Sum() / (Clients * Classes), .02);
    }
}
