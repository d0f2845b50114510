using KdPlugins.Host.Service.Api;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Host.Tests.Commands;
using Microsoft.Extensions.DependencyInjection;

namespace KdPlugins.Host.Tests.Service;

/// <summary>The time of day jumps by years, as it does where a machine learns it late; what is measured goes on as it was.</summary>
public sealed class ClockTests : IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    [Fact]
    public async Task Runs_are_neither_ended_nor_kept_waiting_by_a_clock_that_jumps()
    {
        var clock = new JumpingClock();
        await using var service = await LocalService.Start(
            _kd,
            o => (o.StallSeconds, o.MaxFailures) = (600, 2),
            s => s.AddSingleton<TimeProvider>(clock)
        );
        var waiting = await service.Submit("waits", timeLimit: 3600);
        await service.WaitFor(waiting, JobState.Running);
        clock.Jump = TimeSpan.FromDays(3650);
        await Task.Delay(1200); // longer than limits are looked at
        Assert.Equal((JobState.Running, 1), (service.Queue.Get(waiting).State, service.Queue.Get(waiting).Attempts));
        clock.Jump = TimeSpan.FromDays(-3650);
        await Task.Delay(1200);
        Assert.Equal(JobState.Running, service.Queue.Get(waiting).State);
        service.Queue.Cancel(waiting);
        Assert.InRange((await service.WaitFor(waiting)).RanSeconds, 2, 600);

        // Failed at a time to come, tried again now; the order of submission stays.
        clock.Jump = TimeSpan.FromDays(3650);
        var failing = await service.Submit("exits");
        await service.Until(() => service.Queue.Get(failing).Failures > 0);
        clock.Jump = TimeSpan.FromDays(-3650);
        var late = await service.Submit("good");
        Assert.Equal(JobState.Failed, (await service.WaitFor(failing)).State);
        Assert.Equal(JobState.Done, (await service.WaitFor(late)).State);
        Assert.Equal([late, failing, waiting], service.Queue.List(null, null, null, 10).Items.Select(j => j.Id));
    }

    [Fact]
    public async Task Curves_go_on_where_the_clock_was_set_back()
    {
        var run = new JobFolder(Directory.CreateDirectory(_kd.At("run-1")).FullName);
        Directory.CreateDirectory(run.RunPath);
        void Step(int step) =>
            File.AppendAllText(
                Path.Combine(run.RunPath, "events.jsonl"),
                $$$"""{"kind":"step","stage":"a","step":{{{step}}},"values":{"loss":1}}""" + "\n"
            );
        var clock = new JumpingClock();
        var curves = new CurveStore(clock);
        int Points() => curves.Of(run, 100).Single().Curves.Single().Points.Count;
        Step(1);
        Assert.Equal(1, Points());
        Step(2);
        clock.Jump = TimeSpan.FromDays(-1);
        await Task.Delay(1100);
        Assert.Equal(2, Points());
    }

    private sealed class JumpingClock : TimeProvider
    {
        internal TimeSpan Jump { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Jump;
    }
}
