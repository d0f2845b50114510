using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using KdPlugins.Host.Service.Plugins;
using KdPlugins.Host.Service.Processes;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Torch;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KdPlugins.Host.Service.Workers;

/// <summary>One worker process per device, fed from the queue. When the service ends, running runs save and wait.</summary>
internal sealed class WorkerPool : BackgroundService
{
    private static readonly TimeSpan StepPause = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);
    private readonly ConcurrentDictionary<string, Running> _running = new();
    private readonly SemaphoreSlim _wake = new(0);
    private readonly JobQueue _queue;
    private readonly PluginSets _plugins;
    private readonly ServiceOptions _options;
    private readonly Hub _hub;
    private readonly DiskGuard _disk;
    private readonly ServiceMetrics _metrics;
    private readonly PartRunner _parts;
    private readonly TimeProvider _clock;
    private readonly ILogger<WorkerPool> _log;
    private bool _isDiskLow;

    public WorkerPool(
        JobQueue queue,
        PluginSets plugins,
        IOptions<ServiceOptions> options,
        Hub hub,
        DiskGuard disk,
        ServiceMetrics metrics,
        PartRunner parts,
        TimeProvider clock,
        ILogger<WorkerPool> log
    )
    {
        (_queue, _plugins, _options, _hub, _disk) = (queue, plugins, options.Value, hub, disk);
        (_metrics, _parts, _clock, _log) = (metrics, parts, clock, log);
        _queue.Changed += Noticed;
    }

    /// <summary>The devices, one worker each.</summary>
    internal IReadOnlyList<string> Devices => _options.Devices.Count > 0 ? [.. _options.Devices] : ["auto"];

    /// <summary>What works where, by device.</summary>
    internal IReadOnlyDictionary<string, (string Job, WorkerProgress Progress)> Now =>
        _running.ToDictionary(r => r.Value.Device, r => (r.Key, r.Value.Progress));

    /// <summary>How far a running run is; null where it does not run.</summary>
    internal WorkerProgress? ProgressOf(string job) => _running.TryGetValue(job, out var at) ? at.Progress : null;

    /// <summary>When a worker last said something, of those that run; null where none runs.</summary>
    internal DateTimeOffset? LastWord => _running.IsEmpty ? null : _running.Values.Max(r => r.LastWord);

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll([
            .. Devices.Select(d => _parts.Run($"worker of {d}", stop => Serve(d, stop), stoppingToken)),
            _parts.Run("disk guard", GuardDisk, stoppingToken),
        ]);

    public override void Dispose()
    {
        _queue.Changed -= Noticed;
        base.Dispose();
    }

    private async Task Serve(string device, CancellationToken stop)
    {
        if (!_plugins.IsReady || !_disk.HasRoom || _queue.TakeNext(device) is not { } job)
            await _wake.WaitAsync(Look, stop);
        else
            await Attempt(job, device, stop);
    }

    private async Task Attempt(Job job, string device, CancellationToken stop)
    {
        var folder = _queue.Folder(job.Id);
        WorkerEnd end;
        try
        {
            if (await Orphans.Wait(folder, TimeSpan.FromSeconds(_options.StopSeconds), _clock, stop) is { } orphan)
                Log.OrphanEnded(_log, orphan, job.Id);
            end = await Work(job, folder, device, stop);
        }
        catch (OperationCanceledException)
        {
            end = new(ExitCodes.Terminated, EndReason.Drain, "", false, 0);
        }
        catch (Exception e)
        {
            // What keeps a worker from starting is this run's failure, not the service's.
            end = new(ExitCodes.Failed, EndReason.None, e.Message, false, 0);
        }
        var after = await Settle(job.Id, j => AfterAttempt.Decide(j, end, _options, _clock.GetUtcNow()), stop);
        var state = after.State.ToString().ToLowerInvariant();
        _metrics.AttemptEnded(state);
        Log.AttemptEnded(_log, after.Id, state, after.Message);
    }

    // How an attempt ended is not lost because the queue cannot be written just then.
    private async Task<Job> Settle(string job, Func<Job, Job?> change, CancellationToken stop)
    {
        while (true)
            try
            {
                return _queue.Change(job, change);
            }
            catch (KdException e) when (e.Code == ServiceErrors.QueueUnavailable && !stop.IsCancellationRequested)
            {
                Log.SettleTrouble(_log, job, e);
                await Task.Delay(TimeSpan.FromSeconds(1), _clock, stop)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
    }

    private async Task<WorkerEnd> Work(Job job, JobFolder folder, string device, CancellationToken stop)
    {
        var request =
            folder.Read()?.Request ?? throw new KdException(ServiceErrors.JobState, $"'{folder.Root}' cannot be read.");
        using var set = _plugins.Lease(job.PluginSet);
        if (set.Name != job.PluginSet)
            job = _queue.Change(job.Id, j => j with { PluginSet = set.Name });
        Log.AttemptBegins(_log, job.Id, job.Attempts, device);
        Running running = null!;
        var worker = new Worker(
            _options,
            job,
            folder,
            said => Said(running, said),
            error => Log.BesideTrouble(_log, job.Id, error),
            _clock
        );
        running = new(job.Id, device, worker) { LastWord = _clock.GetUtcNow() };
        _running[job.Id] = running;
        try
        {
            using var drain = stop.Register(() => worker.Stop(EndReason.Drain));
            if (_queue.Get(job.Id).CancelRequested)
                worker.Stop(EndReason.Cancel);
            return await worker.Run(WorkerCommand.Make(_options, folder, request, device, set.Folder));
        }
        finally
        {
            _running.TryRemove(job.Id, out _);
        }
    }

    private void Said(Running running, JsonObject said)
    {
        running.Progress = running.Progress.After(said);
        running.LastWord = _clock.GetUtcNow();
        _metrics.Said(said);
        // A fast run tells of many steps a second: nobody reads so fast, and every reader costs the run a little.
        if ((string?)said["event"] == "step")
        {
            if (_clock.GetElapsedTime(running.StepTold) < StepPause)
                return;
            running.StepTold = _clock.GetTimestamp();
        }
        _hub.Tell(new(running.Job, "worker", said));
    }

    private void Noticed(Job job)
    {
        if (job.State == JobState.Queued)
        {
            if (_wake.CurrentCount < Devices.Count)
                _wake.Release();
        }
        else if (job.CancelRequested && _running.TryGetValue(job.Id, out var running))
            running.Worker.Stop(EndReason.Cancel);
    }

    private async Task GuardDisk(CancellationToken stop)
    {
        var isLow = !_disk.HasRoom;
        if (isLow && !_isDiskLow)
            Log.DiskLow(_log, _disk.FreeMegabytes, _options.Data);
        _isDiskLow = isLow;
        if (_disk.IsCritical)
            foreach (var running in _running.Values)
                running.Worker.Stop(EndReason.Disk);
        await Task.Delay(TimeSpan.FromSeconds(2), _clock, stop);
    }

    private sealed class Running(string job, string device, Worker worker)
    {
        internal string Job => job;
        internal string Device => device;
        internal Worker Worker => worker;
        internal WorkerProgress Progress { get; set; } = WorkerProgress.None;
        internal DateTimeOffset LastWord { get; set; }

        // When those who watch were last told of a step.
        internal long StepTold { get; set; }
    }
}
