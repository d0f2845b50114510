using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Infer.Tests;

public sealed class BudgetTests
{
    private static readonly long[] Image = [3, 32, 32];

    private static Budget Within(long ipc, long classes, long compensators, bool labelled = true, bool count = false) =>
        Budget.Within(ipc, classes, compensators, Image, labelled, count);

    [Theory]
    [InlineData(10, 4, 10, 7, 35, 350, 98)]
    [InlineData(10, 4, 50, 35, 175, 1750, 490)]
    [InlineData(100, 4, 10, 9, 45, 4500, 936)]
    [InlineData(100, 4, 50, 48, 240, 24000, 4992)]
    [InlineData(100, 4, 100, 96, 480, 48000, 9984)]
    [InlineData(200, 4, 10, 9, 45, 9000, 1836)]
    [InlineData(200, 4, 50, 49, 245, 49000, 9996)]
    [InlineData(1000, 3, 10, 9, 36, 36000, 9027)]
    [InlineData(1000, 3, 50, 49, 196, 196000, 49147)]
    public void Golden_1_what_a_budget_of_images_holds(
        long classes,
        long compensators,
        long ipc,
        long natural,
        long perClass,
        long instances,
        long stored
    )
    {
        var budget = Within(ipc, classes, compensators);
        Assert.Equal(natural, budget.Natural);
        Assert.Equal(perClass, budget.InstancesPerClass);
        Assert.Equal(instances, budget.Instances);
        Assert.Equal(stored, budget.Stored);
        Assert.True(budget.Stored <= ipc * classes);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    public void Golden_1_whole_numbers_agree_with_the_papers_quotient(long compensators)
    {
        foreach (var classes in new long[] { 10, 100, 200, 1000 })
            for (long ipc = 2; ipc < 3000; ipc++)
                Assert.Equal(
                    (long)Math.Floor(ipc / ((double)compensators / classes + 1)),
                    Within(ipc, classes, compensators).Natural
                );
    }

    [Fact]
    public void Golden_1_an_exact_multiple_is_not_lost_to_rounding() => Assert.Equal(30, Within(33, 10, 1).Natural);

    [Theory]
    [InlineData(10, 4)]
    [InlineData(1000, 3)]
    public void A_budget_for_no_natural_image_is_refused(long classes, long compensators)
    {
        var error = Assert.Throws<KdException>(() => Within(1, classes, compensators));
        Assert.Equal("KDP0306", error.Code.Id);
        Assert.Contains("budget of 1 images", error.Message);
    }

    [Fact]
    public void Everything_that_is_stored_counts_in_bytes()
    {
        var budget = Within(10, 10, 4);
        Assert.Equal(350 * 10 * 4, budget.LabelBytes);
        Assert.Equal(98 * 3072 + 28 * 3 * 2 * 4 + 14_000, budget.Bytes);
        Assert.Equal(budget.Bytes / 30720.0, budget.ImagesPerClass, 1e-12);
        Assert.True(budget.ImagesPerClass > 10);
        Assert.Equal(98 * 3072 + 28 * 24, Within(10, 10, 4, labelled: false).Bytes);
    }

    [Theory]
    [InlineData(10, 4, 10, 6)]
    [InlineData(100, 4, 10, 5)]
    [InlineData(10, 0, 10, 9)]
    public void With_labels_counted_the_whole_set_stays_within_the_budget(long classes, long m, long ipc, long natural)
    {
        var budget = Within(ipc, classes, m, count: true);
        Assert.Equal(natural, budget.Natural);
        Assert.True(budget.ImagesPerClass <= ipc);
        Assert.True(new Budget(classes, m, natural + 1, Image, true).ImagesPerClass > ipc);
    }

    [Fact]
    public void Without_compensators_the_budget_is_of_images_alone() =>
        Assert.Equal((10, 100), (Within(10, 10, 0).Natural, Within(10, 10, 0).Instances));
}
