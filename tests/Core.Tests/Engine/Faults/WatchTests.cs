namespace KdPlugins.Core.Tests.Engine.Faults;

/// <summary>A step or a plan that waits is told of while it does.</summary>
public sealed class WatchTests : FaultRuns
{
    private static SessionOptions Impatient => new() { Patience = TimeSpan.FromMilliseconds(40) };

    [Fact]
    public void A_blocked_step_is_told_of_three_times_at_most()
    {
        Now.Plan = context =>
            Training(
                context,
                (step, student) =>
                {
                    Learn(step, student);
                    if (step.Progress.Step == 0)
                        Thread.Sleep(800);
                },
                2
            );
        Run(Recipe(), Impatient);
        var told = Warnings.Where(w => w.Contains("has been at work") && !w.StartsWith("The plan")).ToList();
        Assert.InRange(told.Count, 1, 3);
        Assert.All(told, w => Assert.StartsWith("Strategy 'faulty', stage main, step 0 of 2", w));
        Assert.Contains("has been at work", File.ReadAllText(Path.Combine(Runs.Path("run"), "events.jsonl")));
    }

    [Fact]
    public void A_blocked_plan_is_told_of()
    {
        Now.Plan = context =>
        {
            Thread.Sleep(400);
            return Training(context, Learn);
        };
        Run(Recipe(), Impatient);
        Assert.Contains(Warnings, w => w.StartsWith("The plan of strategy 'faulty' has been at work"));
    }

    [Fact]
    public void No_patience_means_never()
    {
        Now.Plan = context =>
            Training(
                context,
                (step, student) =>
                {
                    Learn(step, student);
                    Thread.Sleep(100);
                },
                4
            );
        Run(Recipe(), new() { Patience = TimeSpan.Zero });
        Assert.Empty(Warnings);
    }
}
