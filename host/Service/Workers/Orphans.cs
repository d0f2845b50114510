using System.Diagnostics;
using KdPlugins.Core;
using KdPlugins.Host.Service.Processes;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Torch;

namespace KdPlugins.Host.Service.Workers;

/// <summary>
/// Workers that outlived their service. They save and end by themselves as soon as they notice; one that does not is ended,
/// so that its run is never worked on twice.
/// </summary>
internal static class Orphans
{
    /// <summary>Waits until nobody holds the run's folder; ends a worker that still does after the time it has.</summary>
    /// <returns>The process that was ended; null where none had to be.</returns>
    internal static async Task<int?> Wait(
        JobFolder folder,
        TimeSpan patience,
        TimeProvider clock,
        CancellationToken stop
    )
    {
        var began = clock.GetTimestamp();
        int? ended = null;
        while (RunFolder.IsHeld(folder.RunPath))
        {
            if (clock.GetElapsedTime(began) > patience && ended is null)
                ended = End(folder);
            await Task.Delay(TimeSpan.FromMilliseconds(200), clock, stop);
        }
        return ended;
    }

    private static int? End(JobFolder folder)
    {
        try
        {
            if (RunFolder.ReadStatus(folder.RunPath) is not { } status || !IsWorker(status.ProcessId, folder))
                return null;
            using var process = Process.GetProcessById(status.ProcessId);
            ChildProcess.Kill(process);
            return status.ProcessId;
        }
        // It has ended, or its status cannot be read: it is waited for.
        catch (Exception e)
            when (e
                    is ArgumentException
                        or InvalidOperationException
                        or KdException
                        or IOException
                        or UnauthorizedAccessException
            )
        {
            return null;
        }
    }

    // Numbers of processes are used again: only one that names the folder is the worker.
    private static bool IsWorker(int id, JobFolder folder)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/cmdline").Split('\0').Contains(folder.RunPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
