using KdPlugins.Host.Service.Plugins;
using KdPlugins.Host.Service.Processes;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Host.Service.Workers;

namespace KdPlugins.Host.Service.Api;

/// <summary>A device and the worker on it.</summary>
/// <param name="Device">Its name; auto for what the recipe says.</param>
/// <param name="Run">The run that works there; null for none.</param>
/// <param name="Progress">How far it is.</param>
internal sealed record DeviceView(string Device, string? Run, WorkerProgress? Progress);

/// <summary>The disk that the data folder lies on.</summary>
/// <param name="FreeMegabytes">Free now.</param>
/// <param name="TotalMegabytes">All of it.</param>
/// <param name="MinFreeMegabytes">Below this no run is started.</param>
/// <param name="HasRoom">Whether runs are started.</param>
/// <param name="IsCritical">Whether running ones save and wait.</param>
internal sealed record DiskView(
    long FreeMegabytes,
    long TotalMegabytes,
    long MinFreeMegabytes,
    bool HasRoom,
    bool IsCritical
);

/// <summary>The service at a glance.</summary>
/// <param name="Version">The program's version.</param>
/// <param name="Counts">Runs by state.</param>
/// <param name="Devices">The devices.</param>
/// <param name="Disk">The disk.</param>
/// <param name="PluginSet">The plugins in use; null while they are being loaded.</param>
/// <param name="Troubles">The number of plugin folders whose latest version is not in use.</param>
internal sealed record Overview(
    string Version,
    IReadOnlyDictionary<JobState, long> Counts,
    IReadOnlyList<DeviceView> Devices,
    DiskView Disk,
    string? PluginSet,
    int Troubles
)
{
    internal static Overview Now(
        JobQueue queue,
        WorkerPool pool,
        DiskGuard disk,
        ServiceOptions options,
        PluginSets sets
    ) =>
        new(
            typeof(Overview).Assembly.GetName().Version!.ToString(3),
            queue.Counts(),
            Workers(pool),
            Room(disk, options),
            sets.CurrentName,
            sets.Troubles.Count
        );

    internal static IReadOnlyList<DeviceView> Workers(WorkerPool pool)
    {
        var now = pool.Now;
        return
        [
            .. pool.Devices.Select(d =>
                now.TryGetValue(d, out var at) ? new DeviceView(d, at.Job, at.Progress) : new(d, null, null)
            ),
        ];
    }

    internal static DiskView Room(DiskGuard disk, ServiceOptions options) =>
        new(
            disk.FreeMegabytes,
            new DriveInfo(Path.GetFullPath(options.Data)).TotalSize >> 20,
            options.MinFreeMegabytes,
            disk.HasRoom,
            disk.IsCritical
        );
}
