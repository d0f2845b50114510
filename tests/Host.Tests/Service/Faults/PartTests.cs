using System.Diagnostics;
using KdPlugins.Host.Service;
using KdPlugins.Host.Service.Hosting;
using KdPlugins.Host.Service.Plugins;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Host.Service.Workers;
using KdPlugins.Host.Tests.Commands;
using KdPlugins.Torch;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace KdPlugins.Host.Tests.Service;

/// <summary>What a part of the service meets is reported, and the part goes on when it can; the service does not end.</summary>
public sealed class PartTests : IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    private static bool Told(LocalService service, string part) =>
        service.Log.Text.Contains($"The {part} could not go on");

    private static async Task Lives(LocalService service)
    {
        Assert.Equal(200, (await service.Send("GET", "/health/live")).Status);
        Assert.Equal(JobState.Done, (await service.WaitFor(await service.Submit("good"))).State);
    }

    private static string Drop(LocalService service, string name, string? text = null)
    {
        var path = Path.Combine(service.Data, "inbox", name);
        File.WriteAllText(path, text ?? LocalService.Named("good").ToJsonString());
        return path;
    }

    [Fact]
    public async Task A_part_goes_on_after_pauses_that_grow_and_ends_when_it_is_to()
    {
        var log = new ServiceLog();
        using var hub = new Hub(TimeProvider.System);
        using var metrics = new ServiceMetrics(hub);
        using var factory = LoggerFactory.Create(b => b.AddProvider(log));
        var runner = new PartRunner(TimeProvider.System, metrics, factory.CreateLogger<PartRunner>());
        using var stop = new CancellationTokenSource();
        List<TimeSpan> at = [];
        var clock = Stopwatch.StartNew();
        var running = runner.Run(
            "thing",
            _ =>
            {
                at.Add(clock.Elapsed);
                return at.Count switch
                {
                    <= 2 => throw new NullReferenceException("first"),
                    3 => Task.FromException(new OperationCanceledException("not asked for")),
                    4 => Task.CompletedTask,
                    5 => throw new InvalidOperationException("last"),
                    _ => Task.Delay(-1, stop.Token),
                };
            },
            stop.Token
        );
        while (at.Count < 6)
            await Task.Delay(20);
        await stop.CancelAsync();
        await running;
        double[] pauses = [.. at.Zip(at.Skip(1), (a, b) => (b - a).TotalSeconds)];
        foreach (var (pause, least) in pauses.Zip([0.5, 1, 2, 0, 0.5]))
            Assert.InRange(pause, least - 0.02, least + 30);
        Assert.Equal(4, log.Text.Split("The thing could not go on; it tries again after").Length - 1);
        Assert.Contains("not asked for", log.Text);
        // A good turn begins the pauses anew.
        Assert.Contains("after 0.5 s. System.InvalidOperationException: last", log.Text);
    }

    [Fact]
    public async Task An_inbox_that_is_removed_or_replaced_by_a_file_is_used_again_when_it_is_back()
    {
        await using var service = await LocalService.Start(_kd);
        var inbox = Path.Combine(service.Data, "inbox");
        await service.Until(() => Directory.Exists(Path.Combine(inbox, "taken")));
        Directory.Move(inbox, inbox + "-aside");
        await service.Until(() => Directory.Exists(Path.Combine(inbox, "taken")));
        // The folder may be made again just before the file is put there.
        for (var time = 0; !File.Exists(inbox); time++)
        {
            Directory.Move(inbox, $"{inbox}-aside-{time}");
            _ = Record.Exception(() => File.WriteAllText(inbox, "in the way"));
        }
        await service.Until(() => Told(service, "inbox"));
        await Lives(service);
        File.Delete(inbox);
        await service.Until(() => Directory.Exists(Path.Combine(inbox, "taken")));
        Drop(service, "back.json");
        await service.Until(() => Directory.GetFiles(Path.Combine(inbox, "taken")).Length == 1);
    }

    [Fact]
    public async Task What_lies_in_the_inbox_and_is_no_recipe_is_refused_without_being_read()
    {
        await using var service = await LocalService.Start(_kd);
        var inbox = Path.Combine(service.Data, "inbox");
        await service.Until(() => Directory.Exists(Path.Combine(inbox, "refused")));
        using (var huge = new FileStream(Path.Combine(inbox, "huge.json"), FileMode.CreateNew))
            huge.SetLength(1_500_000_000);
        Process.Start("mkfifo", [Path.Combine(inbox, "pipe.json")]).WaitForExit();
        File.CreateSymbolicLink(Path.Combine(inbox, "endless.json"), "/dev/zero");
        File.CreateSymbolicLink(Path.Combine(inbox, "nothing.json"), "/nowhere");
        Directory.CreateDirectory(Path.Combine(inbox, "folder.json"));
        foreach (var name in (string[])["huge", "pipe", "endless", "nothing"])
        {
            string[] Reasons() => Directory.GetFiles(Path.Combine(inbox, "refused"), $"{name}.*.txt");
            await service.Until(() => Directory.GetFiles(Path.Combine(inbox, "refused"), $"{name}.*.json").Length == 1);
            Assert.StartsWith(ServiceErrors.InboxFile.Id + " ", File.ReadAllText(Assert.Single(Reasons())));
        }
        Assert.Contains("1500000000 bytes; at most 1048576", service.Log.Text);
        await Lives(service);
        Assert.False(Told(service, "inbox"));
    }

    [Fact]
    public async Task A_plugin_folder_that_a_file_replaces_is_reported_and_the_plugins_stay()
    {
        await using var service = await LocalService.Start(_kd);
        var plugins = _kd.At("plugins");
        Directory.Move(plugins, plugins + "-aside");
        File.WriteAllText(plugins, "in the way");
        await service.Until(() => Told(service, "plugin watcher"));
        await Lives(service);
        File.Delete(plugins);
        Directory.Move(plugins + "-aside", plugins);
        File.WriteAllText(Path.Combine(plugins, "Losses", "note.txt"), "another version");
        var before = service.Plugins.CurrentName;
        await service.Until(() => service.Plugins.CurrentName != before);
    }

    [Fact]
    public async Task A_disk_that_cannot_be_asked_holds_runs_up_until_it_can()
    {
        var isGone = false;
        await using var service = await LocalService.Start(
            _kd,
            null,
            s =>
                s.AddSingleton(_ => new DiskGuard(
                    _kd.At("data"),
                    64,
                    _ => isGone ? throw new DriveNotFoundException("gone") : 1L << 40
                ))
        );
        await Lives(service);
        isGone = true;
        await service.Until(() => Told(service, "disk guard") && Told(service, "worker of auto"));
        Assert.Equal(200, (await service.Send("GET", "/health/live")).Status);
        isGone = false;
        await Lives(service);
    }

    [Fact]
    public async Task A_data_folder_that_is_removed_ends_nothing()
    {
        await using var service = await LocalService.Start(_kd);
        await Lives(service);
        Directory.Delete(service.Data, recursive: true);
        await Task.Delay(2500); // longer than every part takes to look
        Assert.Equal(200, (await service.Send("GET", "/health/live")).Status);
        var answer = await service.Send("GET", "/api/runs");
        Assert.True(answer.Status == 200 || answer.Code == ServiceErrors.QueueUnavailable.Id, answer.Body);
    }

    [Fact]
    public async Task Whoever_fails_over_a_change_of_a_run_keeps_it_from_nobody()
    {
        await using var service = await LocalService.Start(_kd);
        service.Queue.Changed += _ => throw new InvalidOperationException("a watcher that fails");
        var told = 0;
        service.Queue.Changed += _ => told++;
        var id = await service.Submit("waits");
        await service.WaitFor(id, JobState.Running);
        // The folder cannot take the end of the run either.
        var file = Path.Combine(service.Queue.Folder(id).Root, "job.json");
        var kept = File.ReadAllText(file);
        await service.Until(() => ServiceProcess.WorkerOf(service.Data, id) is not null);
        service.Queue.Cancel(id);
        Assert.Equal(JobState.Cancelled, (await service.WaitFor(id)).State);
        Assert.True(told >= 3);
        // The queue knows it first, then the folder.
        await service.Until(() => File.ReadAllText(file) != kept);
        Assert.Contains("could not be passed on", service.Log.Text);
        await Lives(service);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1500)]
    public async Task A_part_that_ends_all_the_same_is_named_and_is_no_good_end(int milliseconds)
    {
        using var app = ServiceHost.Build(
            options =>
            {
                (options.Data, options.Urls) = (_kd.At("data"), "http://127.0.0.1:0");
                (options.Plugins, options.WorkerCommand) = (_kd.CopyPlugins(), ["sh", ScriptedWorker.Write(_kd)]);
            },
            logging => logging.ClearProviders(),
            parts => parts.AddSingleton<IHostedService>(new Doomed(milliseconds))
        );
        var error = await Assert.ThrowsAsync<KdException>(() => ServiceHost.Run(app));
        Assert.Equal(ServiceErrors.PartEnded, error.Code);
        Assert.Contains("Doomed: InvalidOperationException: It was to be.", error.Message);
        Assert.NotEqual(0, ExitCodes.Of(error));
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
    }

    private sealed class Doomed(int milliseconds) : BackgroundService
    {
        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            await Task.Yield();
            await Task.Delay(milliseconds, CancellationToken.None);
            throw new InvalidOperationException("It was to be.");
        }
    }
}
