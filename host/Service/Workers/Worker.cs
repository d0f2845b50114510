using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using KdPlugins.Host.Service.Queue;

namespace KdPlugins.Host.Service.Workers;

/// <summary>
/// One attempt of one run, in a process of its own: whatever happens to it, a crash of native code included, happens to
/// nobody else. Its lines go to the run's worker.log and to whoever watches.
/// </summary>
internal sealed class Worker
{
    private const long MaxLogBytes = 64L << 20;
    private const int MaxLineLength = 1 << 20;
    private readonly ServiceOptions _options;
    private readonly Job _job;
    private readonly JobFolder _folder;
    private readonly Action<JsonObject> _told;
    private readonly TimeProvider _clock;
    private readonly TaskCompletionSource _stop = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _log = new();
    private long _lastWord;
    private int _why;
    private bool _progressed;
    private string _failure = "";
    private string _farewell = "";

    internal Worker(ServiceOptions options, Job job, JobFolder folder, Action<JsonObject> told, TimeProvider clock) =>
        (_options, _job, _folder, _told, _clock) = (options, job, folder, told, clock);

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
        using var process = new Process { StartInfo = start };
        await using var log = new StreamWriter(
            new FileStream(_folder.LogPath, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete)
        )
        {
            AutoFlush = true,
        };
        process.Start();
        SacrificeFirst(process);
        var reading = Task.WhenAll(
            Read(process.StandardOutput, log, isError: false),
            Read(process.StandardError, log, isError: true)
        );
        using var over = new CancellationTokenSource();
        var watching = Watch(process, began, over.Token);
        var ending = End(process, over.Token);
        await process.WaitForExitAsync();
        await over.CancelAsync();
        await Task.WhenAll(watching, ending);
        // A grandchild may hold the pipes open: what it says is no longer the worker's word.
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

    private async Task Read(StreamReader from, StreamWriter log, bool isError)
    {
        while (await ReadLine(from) is { } line)
        {
            Interlocked.Exchange(ref _lastWord, _clock.GetTimestamp());
            lock (_log)
                if (log.BaseStream.Length < MaxLogBytes)
                    log.WriteLine(line);
            if (WorkerProgress.Parse(line) is not { } said)
                continue;
            switch ((string?)said["event"])
            {
                case "checkpoint":
                    _progressed = true;
                    break;
                case "error" when isError:
                    _failure = (string?)said["message"] ?? "";
                    break;
                case "done" or "stopped" when !isError:
                    _farewell = (string)said["event"]!;
                    break;
            }
            _told(said);
        }
    }

    // A line without an end must not take all memory: what is too long is cut.
    private static async Task<string?> ReadLine(StreamReader from)
    {
        var line = new StringBuilder();
        var one = new char[1];
        while (await from.ReadAsync(one) == 1)
        {
            if (one[0] == '\n')
                return line.ToString();
            if (line.Length < MaxLineLength)
                line.Append(one[0]);
        }
        return line.Length > 0 ? line.ToString() : null;
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
            process.StandardInput.Close();
            await Task.Delay(TimeSpan.FromSeconds(_options.StopSeconds), _clock, over);
            Kill(process, EndReason.None);
        }
        catch (OperationCanceledException) { }
    }

    private void Kill(Process process, EndReason why)
    {
        Interlocked.CompareExchange(ref _why, (int)why, 0);
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself meanwhile.
        }
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
