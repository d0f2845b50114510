using System.Text;
using KdPlugins.Host.Service;
using KdPlugins.Host.Service.Intake;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Host.Tests.Commands;
using KdPlugins.Torch;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace KdPlugins.Host.Tests.Service;

/// <summary>Whatever is dropped into the inbox is queued exactly once, wherever the service dies, whatever its name.</summary>
public sealed class InboxClaimTests : IDisposable
{
    private readonly Kd _kd = new();
    private readonly string _inbox;

    public InboxClaimTests()
    {
        _inbox = Directory.CreateDirectory(_kd.At("data/inbox")).FullName;
        Drop("first.json");
    }

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        _kd.Dispose();
    }

    private string[] Names(string folder) =>
        [
            .. Directory
                .EnumerateFileSystemEntries(Path.Combine(_inbox, folder))
                .Select(f => Path.GetFileName(f))
                .Order(StringComparer.Ordinal),
        ];

    private string[] Waiting => [.. Directory.GetFiles(_inbox), .. Names("taking")];

    private void Drop(string name, string text = "{}") => File.WriteAllText(Path.Combine(_inbox, name), text);

    private JobQueue Queue() => JobQueue.Open(_kd.At("data"), TimeProvider.System, TimeSpan.FromSeconds(1));

    // A service that takes what there is, until it dies at a step.
    private JobQueue Serve(Action<string>? passed = null, Func<JobQueue, string, string, Job>? submit = null)
    {
        var queue = Queue();
        submit ??= Submit;
        var claims = new InboxClaims(_inbox, queue, (text, key) => submit(queue, text, key), NullLogger.Instance)
        {
            Passed = passed ?? (_ => { }),
        };
        try
        {
            claims.MakeFolders();
            foreach (var claim in claims.Open())
                claims.Settle(claim);
            foreach (var file in Directory.GetFiles(_inbox).Order(StringComparer.Ordinal))
                claims.Take(file);
        }
        catch (DeathException) { }
        return queue;
    }

    private static Action<string> DiesAfter(int steps) =>
        _ =>
        {
            if (steps-- == 0)
                throw new DeathException();
        };

    private static Job Submit(JobQueue queue, string text, string key) =>
        text == "{}"
            ? queue.Submit(Jobs.Request(), "tiny", key)
            : throw new KdException(ServiceErrors.Refused, "This is no recipe.");

    private static long Count(JobQueue queue) => queue.List(null, null, null, 10).Total;

    [Fact]
    public void A_service_that_dies_between_any_two_steps_has_each_file_once_when_it_is_back()
    {
        List<string> steps = [];
        Drop("wrong.json", "wrong");
        Serve(steps.Add);
        Assert.Equal(
            ["prepared", "claimed", "queued", "moved", "over", "prepared", "claimed", "explained", "moved", "over"],
            steps
        );
        for (var death = 0; death < steps.Count; death++)
        {
            Drop("again.json");
            Drop("wrong.json", "wrong");
            Serve(DiesAfter(death));
            // It may die again and again over what it left.
            for (var more = 0; more < 3; more++)
                Serve(DiesAfter(more));
            var queue = Serve();
            Assert.Equal(2 + death, Count(queue));
            Assert.Equal(2 + death, Names("taken").Length);
            Assert.Equal(2 * (2 + death), Names("refused").Length);
            Assert.Empty(Waiting);
        }
    }

    [Fact]
    public void A_run_whose_folder_alone_was_made_is_the_one_that_is_queued()
    {
        static Job Torn(JobQueue queue, string text, string key)
        {
            var request = Jobs.Request();
            var job = JobQueue.New($"{key}-tiny", "tiny", request, Jobs.Now);
            queue.Folder(job.Id).Create(job, request);
            throw new DeathException();
        }
        Serve(submit: Torn);
        Assert.Single(Names("taking"));
        // With the queue as it is, and with one that finds the folder when it is opened.
        var queue = Serve();
        Assert.Equal((1, 1), (Count(queue), Names("taken").Length));
        Assert.Empty(Waiting);
    }

    [Fact]
    public void What_the_queue_or_the_disk_cannot_take_just_now_waits_and_is_not_refused()
    {
        Exception[] troubles =
        [
            new KdException(ServiceErrors.QueueUnavailable, "Locked."),
            new KdException(WeightErrors.WriteFailed, "Full."),
            new IOException("No space left on device"),
        ];
        foreach (var trouble in troubles)
            Assert.Same(trouble, Record.Exception(() => Serve(submit: (_, _, _) => throw trouble)));
        Assert.Empty(Names("refused"));
        Assert.Equal(1, Count(Serve()));
        Assert.Empty(Waiting);
    }

    [Fact]
    public void Where_the_file_cannot_be_put_away_its_run_is_queued_once()
    {
        Directory.CreateDirectory(Path.Combine(_inbox, "taken"));
        for (var look = 0; look < 3; look++)
            Assert.IsType<DirectoryNotFoundException>(
                Record.Exception(() =>
                    Serve(s =>
                    {
                        if (s == "queued")
                            Directory.Delete(Path.Combine(_inbox, "taken"));
                    })
                )
            );
        Assert.Equal(1, Count(Serve()));
        Assert.Single(Names("taken"));
    }

    [Fact]
    public void The_same_recipe_dropped_twice_runs_twice_and_no_file_replaces_another()
    {
        for (var time = 1; time <= 3; time++)
        {
            Drop("first.json");
            Drop("wrong.json", "wrong");
            var queue = Serve();
            Assert.Equal((time, time, 2 * time), (Count(queue), Names("taken").Length, Names("refused").Length));
        }
    }

    [Theory]
    [InlineData('a', 250)]
    [InlineData('é', 125)]
    [InlineData('字', 83)]
    public void A_name_as_long_as_names_may_be_is_taken_and_refused_like_others(char letter, int count)
    {
        Serve();
        foreach (var text in (string[])["{}", "wrong"])
        {
            Drop(new string(letter, count) + ".json", text);
            Serve();
        }
        Assert.Equal(2, Count(Queue()));
        Assert.Equal(2, Names("taken").Length);
        Assert.Equal(2, Names("refused").Length);
        Assert.All(
            (string[])[.. Names("taken"), .. Names("refused")],
            n => Assert.InRange(Encoding.UTF8.GetByteCount(n), 1, 255)
        );
        Assert.Empty(Waiting);
    }

    // Of a kind that is no refusal.
    private sealed class DeathException : IOException;
}
