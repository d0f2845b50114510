using KdPlugins.Host.Service.Queue;
using KdPlugins.Host.Tests.Commands;
using Microsoft.Data.Sqlite;

namespace KdPlugins.Host.Tests.Service;

/// <summary>A queue's database that is locked or damaged while the service runs: no run is lost.</summary>
public sealed class QueueFaultTests : IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    [Fact]
    public async Task A_run_that_ends_while_the_database_is_locked_is_settled_when_it_is_free()
    {
        await using var service = await LocalService.Start(_kd);
        var id = await service.Submit("waits");
        await service.WaitFor(id, JobState.Running);
        await service.Until(() => ServiceProcess.WorkerOf(service.Data, id) is not null);
        using (var other = new SqliteConnection($"Data Source={_kd.At("data/queue.db")};Pooling=false"))
        {
            other.Open();
            using var hold = other.CreateCommand();
            hold.CommandText = "begin exclusive";
            hold.ExecuteNonQuery();
            ServiceProcess.WorkerOf(service.Data, id)!.Kill(entireProcessTree: true);
            var answer = await service.Send("POST", $"/api/runs/{id}/cancel");
            Assert.Equal((503, "KDP0905"), (answer.Status, answer.Code));
            Assert.Equal(200, (await service.Send("GET", $"/api/runs/{id}")).Status); // readers do not wait
            await service.Until(() => service.Log.Text.Contains("could not be recorded; it is tried again"));
        }
        // The attempt counts, and the next one begins.
        await service.Until(() => service.Queue.Get(id) is { State: JobState.Running, Attempts: 2, Failures: 1 });
    }

    [Fact]
    public async Task A_database_that_is_damaged_under_the_service_loses_no_run()
    {
        string[] ids;
        await using (var service = await LocalService.Start(_kd))
        {
            ids = [await service.Submit("good"), await service.Submit("waits"), await service.Submit("good")];
            await service.WaitFor(ids[0]);
            await service.WaitFor(ids[1], JobState.Running);
            foreach (var file in Directory.GetFiles(service.Data, "queue.db*"))
            {
                await using var stream = new FileStream(file, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
                await stream.WriteAsync(Enumerable.Repeat((byte)0x5a, (int)Math.Max(stream.Length, 4096)).ToArray());
            }
            foreach (var target in (string[])["/api/runs", $"/api/runs/{ids[1]}", "/api/overview", "/health/live"])
            {
                var answer = await service.Send("GET", target);
                Assert.True(answer.Status == 200 || (answer.Status, answer.Code) == (503, "KDP0905"), answer.Body);
            }
        }
        await using (var service = await LocalService.Start(_kd))
        {
            Assert.NotNull(service.Queue.Repaired);
            Assert.Equal(JobState.Done, service.Queue.Get(ids[0]).State);
            await service.WaitFor(ids[1], JobState.Running);
            service.Queue.Cancel(ids[1]);
            Assert.Equal(JobState.Done, (await service.WaitFor(ids[2])).State);
            Assert.Equal(3, service.Queue.List(null, null, null, 10).Total);
        }
    }
}
