namespace KdPlugins.Core.Tests.Engine;

/// <summary>Where in a stage the recipe's schedules change the rate.</summary>
public sealed class RecipeScheduleTests
{
    private static double[] Rates(ScheduleSection section, long total, long perEpoch = 10)
    {
        var schedule = Schedules.ofSection(section, () => 1);
        return [.. Enumerable.Range(0, (int)total).Select(step => schedule(new Progress("s", step, total, perEpoch)))];
    }

    private static ScheduleSection Section(
        string name,
        double[]? milestones = null,
        double factor = 0.1,
        double warmup = 0,
        double peak = 0.3,
        double start = 0.04,
        long warmupSteps = 0,
        double warmupEpochs = 0,
        long stepEpochs = 30
    ) => new(name, milestones ?? [], factor, warmup, 0, 2, peak, start, warmupSteps, warmupEpochs, stepEpochs, 10);

    [Theory]
    [InlineData(40, 20, 30)]
    [InlineData(160, 80, 120)]
    [InlineData(7, 4, 5)]
    public void Milestones_change_the_rate_at_their_share_of_the_steps(int total, int first, int second)
    {
        var rates = Rates(Section("multi-step", [0.5, 0.75]), total);
        Assert.Equal(
            Enumerable.Range(0, total).Select(s => Math.Pow(0.1, (s >= first ? 1 : 0) + (s >= second ? 1 : 0))),
            rates,
            (a, b) => Math.Abs(a - b) < 1e-12
        );
    }

    [Fact]
    public void A_milestone_is_never_before_the_first_step()
    {
        Assert.Equal([1, 0.1, 0.1], Rates(Section("multi-step", [0.01]), 3), (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public void The_rate_rises_over_the_share_of_the_warm_up()
    {
        var rates = Rates(Section("constant", warmup: 0.25), 40);
        // Linearly from below 1, which it has reached after 10 steps.
        Assert.All(Enumerable.Range(0, 9), s => Assert.True(rates[s] < rates[s + 1]));
        Assert.All(rates.Take(9), rate => Assert.True(rate < 1));
        Assert.All(rates.Skip(10), rate => Assert.Equal(1, rate, 12));
        Assert.Equal(rates[2] - rates[1], rates[7] - rates[6], 12);
    }

    [Fact]
    public void A_warm_up_is_a_share_or_steps_or_epochs()
    {
        var share = Rates(Section("cosine", warmup: 0.25), 40);
        Assert.Equal(share, Rates(Section("cosine", warmupSteps: 10), 40));
        Assert.Equal(share, Rates(Section("cosine", warmupEpochs: 2), 40, perEpoch: 5));
        Assert.NotEqual(share, Rates(Section("cosine", warmupEpochs: 1.8), 40, perEpoch: 5));
    }

    [Fact]
    public void Step_changes_every_so_many_epochs()
    {
        var rates = Rates(Section("step", factor: 0.5, stepEpochs: 2), 60);
        Assert.Equal([1, 1, 0.5, 0.5, 0.25], new[] { 0, 19, 20, 39, 40 }.Select(s => rates[s]));
    }

    [Fact]
    public void One_cycle_is_highest_at_its_peak()
    {
        var rates = Rates(Section("one-cycle", peak: 0.25), 100);
        Assert.InRange(Array.IndexOf(rates, rates.Max()), 24, 25);
        Assert.Equal(1, rates.Max(), 6);
        Assert.Equal(0.04, rates[0], 6);
    }

    [Fact]
    public void Exponential_changes_with_the_epoch_and_cosine_is_halfway_at_half()
    {
        var rates = Rates(Section("exponential", factor: 0.5), 30);
        Assert.Equal([1, 1, 0.5, 0.5, 0.25], new[] { 0, 9, 10, 19, 20 }.Select(s => rates[s]));
        Assert.Equal(0.5, Rates(Section("cosine"), 40)[20], 12);
    }
}
