using KdPlugins.Host.Service;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Torch;
using Microsoft.Data.Sqlite;

namespace KdPlugins.Host.Tests.Service;

/// <summary>The queue keeps every run, whatever happens to its database or to the service.</summary>
public sealed class JobQueueTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("kd-queue-").FullName;
    private readonly TestClock _clock = new();

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        Directory.Delete(_data, recursive: true);
    }

    private JobQueue Open() => JobQueue.Open(_data, _clock, TimeSpan.FromMinutes(10));

    [Fact]
    public void Runs_start_by_priority_then_in_order_each_once()
    {
        var queue = Open();
        var ids = ((int[])[0, 5, 0, 5]).Select(p => queue.Submit(Jobs.Request(p), "tiny").Id).ToArray();
        var taken = Enumerable.Range(0, 4).Select(_ => queue.TakeNext("auto")!.Id).ToArray();
        Assert.Equal([ids[1], ids[3], ids[0], ids[2]], taken);
        Assert.Null(queue.TakeNext("auto"));
    }

    [Fact]
    public void Two_takers_never_get_the_same_run()
    {
        var queue = Open();
        for (var i = 0; i < 40; i++)
            queue.Submit(Jobs.Request(), "tiny");
        var taken = new System.Collections.Concurrent.ConcurrentBag<string>();
        Parallel.For(
            0,
            4,
            _ =>
            {
                while (queue.TakeNext("auto") is { } job)
                    taken.Add(job.Id);
            }
        );
        Assert.Equal(40, taken.Distinct().Count());
        Assert.Equal(40, taken.Count);
    }

    [Fact]
    public void A_pause_is_kept_and_a_clock_that_jumped_back_does_not_lengthen_it()
    {
        var queue = Open();
        var id = queue.Submit(Jobs.Request(), "tiny").Id;
        queue.Change(id, j => j with { NotBefore = _clock.Now.AddSeconds(30) });
        Assert.Null(queue.TakeNext("auto"));
        _clock.Now = _clock.Now.AddDays(-1);
        Assert.Equal(id, queue.TakeNext("auto")?.Id);
    }

    [Fact]
    public void What_ran_when_the_service_died_is_queued_again_and_cancelled_where_that_was_asked()
    {
        var queue = Open();
        var (first, second) = (queue.Submit(Jobs.Request(), "tiny").Id, queue.Submit(Jobs.Request(), "tiny").Id);
        queue.TakeNext("auto");
        queue.TakeNext("auto");
        queue.Cancel(second);
        queue = Open();
        Assert.Equal(JobState.Queued, queue.Get(first).State);
        Assert.Equal(JobState.Cancelled, queue.Get(second).State);
    }

    [Fact]
    public void A_damaged_database_is_kept_and_made_anew_from_the_folders()
    {
        var queue = Open();
        var ids = Enumerable.Range(0, 5).Select(_ => queue.Submit(Jobs.Request(), "tiny").Id).ToArray();
        queue.TakeNext("auto");
        queue.Change(ids[0], j => j with { State = JobState.Done, Ended = _clock.Now });
        queue.Cancel(ids[1]);
        SqliteConnection.ClearAllPools();
        foreach (var file in Directory.GetFiles(_data, "queue.db*"))
            File.WriteAllBytes(file, [.. Enumerable.Repeat((byte)0x5a, 5000)]);

        queue = Open();
        Assert.NotNull(queue.Repaired);
        Assert.NotEmpty(Directory.GetFiles(_data, "queue.db.damaged-*"));
        Assert.Equal(
            [JobState.Done, JobState.Cancelled, JobState.Queued, JobState.Queued, JobState.Queued],
            ids.Select(id => queue.Get(id).State)
        );
        Assert.Equal(ids[2], queue.TakeNext("auto")?.Id);
    }

    [Fact]
    public void A_folder_that_never_came_into_the_database_is_found()
    {
        var id = Open().Submit(Jobs.Request(), "tiny").Id;
        SqliteConnection.ClearAllPools();
        foreach (var file in Directory.GetFiles(_data, "queue.db*"))
            File.Delete(file);
        Directory.CreateDirectory(Path.Combine(_data, "runs", ".half.tmp"));
        var queue = Open();
        Assert.Equal(id, queue.TakeNext("auto")?.Id);
        Assert.False(Directory.Exists(Path.Combine(_data, "runs", ".half.tmp")));
    }

    [Fact]
    public void Pages_cover_all_runs_without_gap_or_repetition()
    {
        var queue = Open();
        var request = Jobs.Request();
        for (var i = 0; i < 120; i++)
            queue.Submit(request, i % 3 == 0 ? "other" : "tiny");
        List<string> seen = [];
        long? before = null;
        do
        {
            var page = queue.List(null, null, before, 50);
            Assert.Equal(120, page.Total);
            seen.AddRange(page.Items.Select(j => j.Id));
            before = page.Next;
        } while (before is not null);
        Assert.Equal(120, seen.Distinct().Count());
        Assert.Equal(40, queue.List(null, "other", null, 500).Total);
        Assert.Equal(0, queue.List(null, "o_her", null, 500).Total);
        Assert.Equal(0, queue.List(JobState.Done, null, null, 50).Total);
        Assert.Equal(120, queue.Counts()[JobState.Queued]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("../x")]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData("A")]
    [InlineData("a--b")]
    [InlineData("a\0b")]
    [InlineData("'; drop table job; --")]
    public void What_is_no_id_is_refused(string id)
    {
        var queue = Open();
        Assert.Equal(ServiceErrors.JobMissing, Assert.Throws<KdException>(() => queue.Get(id)).Code);
        Assert.Equal(ServiceErrors.JobMissing, Assert.Throws<KdException>(() => queue.Folder(id)).Code);
    }

    [Fact]
    public void What_is_over_cannot_be_cancelled_but_run_again()
    {
        var queue = Open();
        var id = queue.Submit(Jobs.Request(3), "tiny").Id;
        queue.Cancel(id);
        Assert.Equal(ServiceErrors.JobState, Assert.Throws<KdException>(() => queue.Cancel(id)).Code);
        var again = queue.Submit(queue.RequestOf(id), "tiny");
        Assert.NotEqual(id, again.Id);
        Assert.Equal((JobState.Queued, 3), (again.State, again.Priority));
    }

    [Theory]
    [InlineData("drop table job; create table job (number integer primary key, title text)", "columns number title")]
    [InlineData("alter table job add column colour text", "columns attempts")]
    [InlineData("update job set state = 'Paused'", "holds what no run has")]
    [InlineData("update job set priority = 'high'", "holds what no run has")]
    [InlineData("update job set device = x'00'", "holds what no run has")]
    public void A_database_of_another_program_or_release_is_put_aside_and_no_run_is_lost(string change, string why)
    {
        var ids = Enumerable.Range(0, 3).Select(_ => Open().Submit(Jobs.Request(), "tiny").Id).ToArray();
        using (var other = new SqliteConnection($"Data Source={Path.Combine(_data, "queue.db")};Pooling=false"))
        {
            other.Open();
            using var command = other.CreateCommand();
            command.CommandText = change;
            command.ExecuteNonQuery();
        }

        var queue = Open();

        Assert.Contains(why, queue.Repaired);
        Assert.Equal(ids, queue.Waiting(0, 10).Items.Select(j => j.Id));
        Assert.Null(Open().Repaired);
    }

    [Fact]
    public void Data_of_two_services_put_together_are_one_queue()
    {
        var ids = Enumerable.Range(0, 2).Select(_ => Open().Submit(Jobs.Request(), "tiny").Id).ToList();
        var others = Path.Combine(_data, "others");
        var other = JobQueue.Open(others, TimeProvider.System, TimeSpan.FromSeconds(10));
        ids.AddRange([other.Submit(Jobs.Request(), "tiny").Id, other.Submit(Jobs.Request(), "tiny").Id]);
        SqliteConnection.ClearAllPools();
        foreach (var folder in Directory.GetDirectories(Path.Combine(others, "runs")))
            Directory.Move(folder, Path.Combine(_data, "runs", Path.GetFileName(folder)));

        // Beside a database that knows the half of them, and without one.
        Assert.Equal(ids.Order(), Open().Waiting(0, 10).Items.Select(j => j.Id).Order());
        SqliteConnection.ClearAllPools();
        foreach (var file in Directory.GetFiles(_data, "queue.db*"))
            File.Delete(file);
        Assert.Equal(ids.Order(), Open().Waiting(0, 10).Items.Select(j => j.Id).Order());
    }

    [Fact]
    public void A_run_that_the_database_does_not_take_is_not_there_at_the_next_start()
    {
        var queue = Open();
        using (var other = new SqliteConnection($"Data Source={Path.Combine(_data, "queue.db")};Pooling=false"))
        {
            other.Open();
            using var command = other.CreateCommand();
            command.CommandText = "create trigger full before insert on job begin select raise(abort, 'full'); end";
            command.ExecuteNonQuery();
            Assert.Throws<KdException>(() => queue.Submit(Jobs.Request(), "tiny"));
            command.CommandText = "drop trigger full";
            command.ExecuteNonQuery();
        }

        Assert.Empty(Directory.GetDirectories(Path.Combine(_data, "runs")));
        Assert.Empty(Open().Waiting(0, 10).Items);
    }

    [Fact]
    public void A_database_that_another_program_locks_is_named()
    {
        var queue = Open();
        var id = queue.Submit(Jobs.Request(), "tiny").Id;
        using var other = new SqliteConnection($"Data Source={Path.Combine(_data, "queue.db")};Pooling=false");
        other.Open();
        using var hold = other.CreateCommand();
        hold.CommandText = "begin exclusive";
        hold.ExecuteNonQuery();
        Assert.Equal(id, queue.Get(id).Id); // readers do not wait
        Assert.Equal(ServiceErrors.QueueUnavailable, Assert.Throws<KdException>(() => queue.Cancel(id)).Code);
        hold.CommandText = "rollback";
        hold.ExecuteNonQuery();
        Assert.Equal(JobState.Cancelled, queue.Cancel(id).State);
    }
}
