namespace KdPlugins.Host.Service.Workers;

/// <summary>How much room the data folder's volume has.</summary>
internal sealed class DiskGuard(string folder, long minFreeMegabytes, Func<string, long>? freeBytes = null)
{
    private readonly Func<string, long> _freeBytes = freeBytes ?? (path => new DriveInfo(path).AvailableFreeSpace);

    /// <summary>Free megabytes now.</summary>
    internal long FreeMegabytes => _freeBytes(folder) >> 20;

    /// <summary>Whether runs may be started.</summary>
    internal bool HasRoom => FreeMegabytes >= minFreeMegabytes;

    /// <summary>Whether running ones have to save and wait.</summary>
    internal bool IsCritical => FreeMegabytes < minFreeMegabytes / 2;
}
