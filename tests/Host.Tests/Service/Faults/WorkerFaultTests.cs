using KdPlugins.Host.Service;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Host.Service.Workers;
using KdPlugins.Host.Tests.Commands;
using KdPlugins.Torch;
using Microsoft.Extensions.DependencyInjection;

namespace KdPlugins.Host.Tests.Service;

/// <summary>Whatever a worker does ends its own run with a reason; the run behind it is carried out.</summary>
public sealed class WorkerFaultTests : IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    [Fact]
    public async Task Each_fault_fails_its_run_with_its_reason_and_the_run_behind_it_is_done()
    {
        await using var service = await LocalService.Start(
            _kd,
            o => (o.MaxFailures, o.StallSeconds, o.MemoryLimitMegabytes) = (1, 4, 100)
        );
        (string Name, ErrorCode Code, string Reason)[] faults =
        [
            ("crashes", ServiceErrors.WorkerEnded, "signal 11"),
            ("exits", ServiceErrors.WorkerEnded, "exit code 42"),
            ("exits-as-if-done", ServiceErrors.WorkerEnded, "exit code 0 before the run was complete"),
            ("exits-as-if-stopped", ServiceErrors.WorkerEnded, "signal 15"),
            ("hangs", ServiceErrors.WorkerStalled, "said nothing for 4 s"),
            ("eats", ServiceErrors.WorkerMemory, "more memory than it may"),
        ];
        var ids = new List<(string Fault, string Behind)>();
        foreach (var (name, _, _) in faults)
            ids.Add((await service.Submit(name), await service.Submit("good")));
        for (var i = 0; i < faults.Length; i++)
        {
            var job = await service.WaitFor(ids[i].Fault);
            Assert.Equal((faults[i].Name, JobState.Failed), (job.Name, job.State));
            Assert.StartsWith(faults[i].Code.Id + " ", job.Message);
            Assert.Contains(faults[i].Reason, job.Message);
            var failure = (await service.Get($"/api/runs/{job.Id}"))["failure"]!;
            Assert.Equal(faults[i].Code.Id, (string)failure["code"]!);
            Assert.EndsWith(".", (string)failure["remedy"]!);
            Assert.Equal(JobState.Done, (await service.WaitFor(ids[i].Behind)).State);
        }
        Assert.Equal("live", (string)(await service.Get("/health/live"))["status"]!);
    }

    [Fact]
    public async Task A_worker_that_hangs_is_ended_when_its_run_is_taken_back_or_out_of_time()
    {
        await using var service = await LocalService.Start(_kd);
        var (cancelled, late, behind) = (
            await service.Submit("hangs"),
            await service.Submit("hangs", timeLimit: 0.5),
            await service.Submit("good")
        );
        await service.WaitFor(cancelled, JobState.Running);
        service.Queue.Cancel(cancelled);
        Assert.Equal(JobState.Cancelled, (await service.WaitFor(cancelled)).State);
        var job = await service.WaitFor(late);
        Assert.Equal(JobState.Failed, job.State);
        Assert.Contains("time limit of 0.5 s", job.Message);
        Assert.Equal(JobState.Done, (await service.WaitFor(behind)).State);
    }

    [Fact]
    public async Task A_run_that_fills_the_disk_fails_and_the_others_wait_until_there_is_room()
    {
        const long Megabytes = 100;
        var fill = "";
        await using var service = await LocalService.Start(
            _kd,
            o => o.MaxFailures = 1,
            // A volume of its own: what the run writes is what it has less.
            s =>
                s.AddSingleton(_ => new DiskGuard(
                    _kd.At("data"),
                    64,
                    _ => (Megabytes << 20) - (File.Exists(fill) ? new FileInfo(fill).Length : 0)
                ))
        );
        var (filling, behind) = (await service.Submit("fills"), await service.Submit("good"));
        fill = Path.Combine(service.Queue.Folder(filling).RunPath, "fill");
        var job = await service.WaitFor(filling);
        Assert.Equal(JobState.Failed, job.State);
        Assert.StartsWith(ServiceErrors.DiskFilled.Id, job.Message);
        await Task.Delay(800); // longer than the service takes to look for the next run
        Assert.Equal(JobState.Queued, service.Queue.Get(behind).State);
        Assert.Equal(503, (await service.Send("GET", "/health/ready")).Status);
        Assert.Contains("MB are free below", service.Log.Text);
        File.Delete(fill);
        Assert.Equal(JobState.Done, (await service.WaitFor(behind)).State);
    }

    [Fact]
    public async Task Plugins_that_change_in_the_middle_of_a_run_are_those_of_the_next_run_only()
    {
        await using var service = await LocalService.Start(_kd, o => o.MaxFailures = 3);
        var first = await service.Submit("waits");
        await service.WaitFor(first, JobState.Running);
        var before = service.Plugins.CurrentName;
        File.WriteAllText(Path.Combine(_kd.At("plugins"), "Losses", "note.txt"), "another version");
        await service.Until(() => service.Plugins.CurrentName != before);
        var second = await service.Submit("good");
        await service.Until(() => ServiceProcess.WorkerOf(service.Data, first) is not null);
        ServiceProcess.WorkerOf(service.Data, first)!.Kill(entireProcessTree: true);
        await service.Until(() => service.Queue.Get(first) is { State: JobState.Running, Attempts: 2 });
        Assert.Equal(before, service.Queue.Get(first).PluginSet);
        service.Queue.Cancel(first);
        await service.WaitFor(first);
        Assert.Equal(JobState.Done, (await service.WaitFor(second)).State);
        string SetOf(string line) => line.Split(' ').SkipWhile(a => a != "--plugins").ElementAt(1);
        string[] sets =
        [
            .. File.ReadLines(service.Queue.Folder(first).LogPath)
                .Where(l => l.StartsWith("arguments: "))
                .Select(SetOf),
        ];
        Assert.Equal(2, sets.Length);
        Assert.All(sets, s => Assert.EndsWith(before!, s));
        Assert.NotEqual(before, service.Queue.Get(second).PluginSet);
    }
}
