using KdPlugins.Torch;

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
                    // Until it is told of: a busy machine looks later.
                    if (step.Progress.Step == 0)
                        Assert.True(SpinWait.SpinUntil(() => IsTold("step 0 of 2"), 20_000));
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
            Assert.True(SpinWait.SpinUntil(() => IsTold("The plan"), 20_000));
            return Training(context, Learn);
        };
        Run(Recipe(), Impatient);
        Assert.Contains(Warnings, w => w.StartsWith("The plan of strategy 'faulty' has been at work"));
    }

    // Seconds at which something is told of that takes ten minutes; longest: of an earlier step.
    [Theory]
    [InlineData(60, 0, new[] { 60, 120, 240 })]
    [InlineData(60, 20, new[] { 200, 400 })]
    [InlineData(60, 2, new[] { 60, 120, 240 })]
    [InlineData(0, 0, new int[0])]
    public void Patience_doubles_and_grows_with_the_steps(int patience, int longest, int[] expected)
    {
        var (clock, told) = (new HandClock(), new List<string>());
        using var scope = StepScope.Begin();
        using var watcher = new StepWatcher(clock, TimeSpan.FromSeconds(patience), long.MaxValue, told.Add);
        watcher.Begin(() => "A step", scope);
        clock.Advance(longest);
        watcher.End();
        clock.Advance(1000); // nothing is at work
        watcher.Begin(() => "It", scope);
        for (var second = 0; second < 600; second++)
            clock.Advance(1);
        watcher.End();
        Assert.Equal(
            expected.Select(e => $"It has been at work for {e} s and"),
            told.Select(t => t[..t.IndexOf(" has not")])
        );
    }

    private sealed class HandClock : TimeProvider
    {
        private long _now;
        private TimerCallback? _tick;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => _now;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _tick = callback;
            return new Still();
        }

        internal void Advance(int seconds)
        {
            _now += seconds;
            _tick!(null);
        }

        private sealed class Still : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose() { }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
