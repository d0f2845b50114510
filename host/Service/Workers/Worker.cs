using System.Diagnostics;
using System.Text.Json.Nodes;
using KdPlugins.Host.Service.Processes;
using KdPlugins.Host.Service.Queue;

namespace KdPlugins.Host.Service.Workers;

/// <summary>
/// One attempt of one run, in a process of its own: whatever happens to it, a crash of native code included, happens to
/// nobody else. What it says goes to the run's worker.log and to whoever watches; what is printed in it to the log alone.
/// </summary>
internal sealed class Worker
{
    private const int MaxWordBytes = 16 << 20;
    private const int MaxPrintedBytes = 1 << 20;
    private readonly ServiceOptions _options;
    private readonly Job _job;
    private readonly JobFolder _folder;
    private readonly Action<JsonObject> _told;
    private readonly Action<Exception> _troubled;
    private readonly TimeProvider _clock;
    private readonly TaskCompletionSource _stop = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _lastWord;
    private int _why;
    private bool _progressed;
    private string _failure = "";
    private string _farewell = "";

    /// <param name="options">The service's options.</param>
    /// <param name="job">The run.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="told">Called with everything that the worker says.</param>
    /// <param name="troubled">Called with what went wrong beside the attempt itself: its log, those who watch.</param>
    /// <param name="clock">The clock.</param>
    internal Worker(
        ServiceOptions options,
        Job job,
        JobFolder folder,
        Action<JsonObject> told,
        Action<Exception> troubled,
        TimeProvider clock
    ) => (_options, _job, _folder, _told, _troubled, _clock) = (options, job, folder, told, troubled, clock);

    /// <summary>Asks it to save and end; one that does not within the time it has is killed. The first reason counts.</summary>
    internal void Stop(EndReason why)
    {
        if (Interlocked.CompareExchange(ref _why, (int)why, 0) == 0)
            _stop.TrySetResult();
    }

    /// <summary>Carries the attempt out and tells how it ended.</summary>
    internal async Task<WorkerEnd> Run(ProcessStartInfo start)
    {
        var began = _clock.GetTimestamp();
        _lastWord = began;
        using var log = new WorkerLog(_folder.LogPath, _troubled);
        using var child = ChildProcess.Start(start);
        var process = child.Process;
        SacrificeFirst(process);
        var reading = Task.WhenAll(
            Listen(child.Words, log),
            Print(process.StandardOutput.BaseStream, log),
            Print(process.StandardError.BaseStream, log)
        );
        using var over = new CancellationTokenSource();
        var watching = Watch(process, began, over.Token);
        var ending = End(process, over.Token);
        await process.WaitForExitAsync();
        await over.CancelAsync();
        await Task.WhenAll(watching, ending);
        // A grandchild may hold the standard streams open: nobody waits for what it prints.
        await Task.WhenAny(reading, Task.Delay(TimeSpan.FromSeconds(5), _clock));
        return new(
            process.ExitCode,
            (EndReason)Volatile.Read(ref _why),
            _failure,
            _progressed,
            _clock.GetElapsedTime(began).TotalSeconds,
            _farewell
        );
    }

    private async Task Listen(Stream words, WorkerLog log)
    {
        var lines = new BoundedLines(words, MaxWordBytes);
        while (await lines.Next() is { } line)
        {
            Interlocked.Exchange(ref _lastWord, _clock.GetTimestamp());
            log.Write(line);
            if (WorkerProgress.Parse(line) is not { } said)
                continue;
            switch ((string?)said["event"])
            {
                case "checkpoint":
                    _progressed = true;
                    break;
                case "error":
                    _failure = (string?)said["message"] ?? "";
                    break;
                case "done" or "stopped":
                    _farewell = (string)said["event"]!;
                    break;
            }
            Tell(said);
        }
    }

    // Trouble of those who watch is none of the run's.
    private void Tell(JsonObject said)
    {
        try
        {
            _told(said);
        }
        catch (Exception e)
        {
            _troubled(e);
        }
    }

    private static async Task Print(Stream from, WorkerLog log)
    {
        var lines = new BoundedLines(from, MaxPrintedBytes);
        while (await lines.Next() is { } line)
            log.Write(line);
    }

    private async Task Watch(Process process, long began, CancellationToken over)
    {
        var memory = MemoryLimit();
        try
        {
            while (true)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(500), _clock, over);
                var left = _job.TimeLimitSeconds - _job.RanSeconds;
                if (_job.TimeLimitSeconds > 0 && _clock.GetElapsedTime(began).TotalSeconds > left)
                    Stop(EndReason.TimeLimit);
                if (memory > 0 && ResidentBytes(process) > memory)
                    Kill(process, EndReason.Memory);
                var silence = _clock.GetElapsedTime(Interlocked.Read(ref _lastWord)).TotalSeconds;
                if (_options.StallSeconds > 0 && silence > _options.StallSeconds)
                    Kill(process, EndReason.Stall);
            }
        }
        catch (OperationCanceledException) { }
    }

    private async Task End(Process process, CancellationToken over)
    {
        try
        {
            await _stop.Task.WaitAsync(over);
            CloseInput(process);
            await Task.Delay(TimeSpan.FromSeconds(_options.StopSeconds), _clock, over);
            Kill(process, EndReason.None);
        }
        catch (OperationCanceledException) { }
    }

    private static void CloseInput(Process process)
    {
        try
        {
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It reads no more: it ends, or is killed when its time is over.
        }
    }

    private void Kill(Process process, EndReason why)
    {
        Interlocked.CompareExchange(ref _why, (int)why, 0);
        ChildProcess.Kill(process);
    }

    private long MemoryLimit() =>
        _options.MemoryLimitMegabytes switch
        {
            -1 => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 10 * 9,
            var megabytes => megabytes << 20,
        };

    private static long ResidentBytes(Process process)
    {
        try
        {
            var fields = File.ReadAllText($"/proc/{process.Id}/statm").Split(' ');
            return long.Parse(fields[1], System.Globalization.CultureInfo.InvariantCulture)
                * Environment.SystemPageSize;
        }
        catch (Exception e) when (e is IOException or FormatException or InvalidOperationException)
        {
            return 0;
        }
    }

    // Where memory runs out, the kernel ends a worker before it ends the service.
    private static void SacrificeFirst(Process process)
    {
        try
        {
            File.WriteAllText($"/proc/{process.Id}/oom_score_adj", "800");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not every system lets us; the memory limit is there too.
        }
    }
}
