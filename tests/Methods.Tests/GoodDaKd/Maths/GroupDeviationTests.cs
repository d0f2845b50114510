using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.GoodDaKd.Tests.Maths;

public class GroupDeviationTests
{
    [Fact]
    public void Golden_1_groups_of_two_and_of_four_classes()
    {
        Assert.Equal(0.2081666, GroupDeviation.Value(Golden.ThreeGroups), 1e-7);
        Assert.Equal(0.1849617, GroupDeviation.Value(Golden.FourGroups), 1e-7);
        double[] expected = [0.2169869, 0.1390069, 0.0514782, 0.3323746];
        for (var c = 0; c < 4; c++)
            Assert.Equal(expected[c], GroupDeviation.Value([.. Golden.FourGroups.Select(g => new[] { g[c] })]), 1e-7);
    }

    [Fact]
    public void Groups_that_do_not_differ_deviate_by_nothing_and_one_group_says_nothing()
    {
        var same = Enumerable.Repeat(new[] { .25, .75 }, 12).ToArray();
        Assert.Equal(0, GroupDeviation.Value(same));
        Assert.Equal((0, 0), GroupDeviation.Interval(same, 0.95));
        Assert.True(
            double.IsNaN(
                GroupDeviation.Value([
                    [.5, .5],
                ])
            )
        );
        Assert.True(double.IsNaN(GroupDeviation.Ratio(same, same, 0.95).Item1));
    }

    [Fact]
    public void The_interval_is_the_jackknife_on_the_logarithm()
    {
        var groups = Draw(new SeededRandom(5), 12, [1, 2, 3]);
        // A plain loop that really leaves the groups out.
        var whole = Math.Log(GroupDeviation.Value(groups));
        var pseudo = groups
            .Select((_, i) => 12 * whole - 11 * Math.Log(GroupDeviation.Value([.. groups.Where((_, j) => j != i)])))
            .ToArray();
        var mean = pseudo.Average();
        var deviation = Math.Sqrt(pseudo.Sum(p => (p - mean) * (p - mean)) / 11 / 12);
        // 2.200985 is the 97.5 % point of t with 11 degrees of freedom in any table.
        var (low, high) = GroupDeviation.Interval(groups, 0.95);
        Assert.Equal(Math.Exp(mean - 2.200985 * deviation), low, 5);
        Assert.Equal(Math.Exp(mean + 2.200985 * deviation), high, 5);
    }

    [Theory]
    [InlineData(10, 2)]
    [InlineData(20, 10)]
    [InlineData(50, 30)]
    public void Intervals_hold_the_true_value_as_often_as_they_say(int groups, int classes)
    {
        double[] sigma = [.. Enumerable.Range(1, classes).Select(c => (double)c)];
        var random = new SeededRandom((ulong)(1000 + groups));
        var (held, below) = (0, 0);
        const int rounds = 800;
        for (var round = 0; round < rounds; round++)
        {
            var (low, high) = GroupDeviation.Interval(Draw(random, groups, sigma), 0.95);
            held += low <= sigma.Average() && sigma.Average() <= high ? 1 : 0;
            below += sigma.Average() < low ? 1 : 0;
        }
        // Four standard errors of a share of 0.95 over 800 rounds are 0.031.
        Assert.InRange(held / (double)rounds, 0.92, 0.98);
        Assert.InRange(below / (double)rounds, 0, 0.045);
    }

    [Fact]
    public void Probabilities_that_sum_to_one_are_held_as_often()
    {
        // z_c - mean(z): three classes whose sum is fixed, each with variance 2/3.
        var random = new SeededRandom(77);
        var held = 0;
        for (var round = 0; round < 800; round++)
        {
            var groups = Draw(random, 25, [1, 1, 1]);
            foreach (var group in groups)
            {
                var mean = group.Average();
                for (var c = 0; c < 3; c++)
                    group[c] -= mean;
            }
            var (low, high) = GroupDeviation.Interval(groups, 0.95);
            held += low <= Math.Sqrt(2.0 / 3) && Math.Sqrt(2.0 / 3) <= high ? 1 : 0;
        }
        Assert.InRange(held / 800.0, 0.92, 0.98);
    }

    [Fact]
    public void Ratios_of_groups_that_share_their_samples_are_held_and_are_narrower_than_their_parts()
    {
        var random = new SeededRandom(9);
        var (held, narrower) = (0, 0);
        for (var round = 0; round < 800; round++)
        {
            var shared = Draw(random, 25, [1, 1, 1, 1]);
            var first = Mixed(shared, random, 1.2);
            var second = Mixed(shared, random, 1);
            var (ratio, low, high) = GroupDeviation.Ratio(first, second, 0.95);
            held += low <= 1.2 && 1.2 <= high ? 1 : 0;
            var (lowest, highest) = GroupDeviation.Interval(first, 0.95);
            narrower += Math.Log(high / low) < Math.Log(highest / lowest) ? 1 : 0;
            Assert.InRange(ratio, low, high);
        }
        Assert.InRange(held / 800.0, 0.92, 0.98);
        Assert.True(narrower > 760, $"{narrower} of 800");
    }

    [Fact]
    public void Wrong_groups_are_refused()
    {
        Refused(TorchErrors.BadArgument, "got none", () => GroupDeviation.Value([]));
        Refused(
            CoreErrors.ShapesDiffer,
            "Group 1 has 3 classes",
            () =>
                GroupDeviation.Value([
                    [1, 2],
                    [1, 2, 3],
                ])
        );
        var (nine, twelve) = (Draw(new SeededRandom(1), 9, [1]), Draw(new SeededRandom(1), 12, [1]));
        Refused(TorchErrors.BadArgument, "at least 10 groups, got 9", () => GroupDeviation.Interval(nine, 0.9));
        Refused(TorchErrors.BadArgument, "share in (0, 1)", () => GroupDeviation.Interval(twelve, 1));
        Refused(CoreErrors.ShapesDiffer, "12 and 11", () => GroupDeviation.Ratio(twelve, [.. twelve.Take(11)], 0.9));
    }

    internal static void Refused(ErrorCode code, string text, Action action)
    {
        var error = Assert.Throws<KdException>(action);
        Assert.Equal(code, error.Code);
        Assert.Contains(text, error.Message);
    }

    private static double[][] Draw(SeededRandom random, int groups, double[] sigma) =>
        [.. Enumerable.Range(0, groups).Select(_ => sigma.Select(s => s * random.NextNormal()).ToArray())];

    private static double[][] Mixed(double[][] shared, SeededRandom random, double scale) =>
        [.. shared.Select(g => g.Select(v => scale * (v + 0.3 * random.NextNormal())).ToArray())];
}
