using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KdPlugins.Host.Service.Plugins;

/// <summary>
/// Looks at the plugin folder when it changes, and now and then besides (changes on network mounts are not announced), and
/// has the sets brought up to date once the folder is at rest.
/// </summary>
internal sealed class PluginWatcher(
    PluginSets sets,
    IOptions<ServiceOptions> options,
    PartRunner parts,
    TimeProvider clock,
    ILogger<PluginWatcher> log
) : BackgroundService
{
    private const int MostRestless = 10;
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(5);
    private readonly TimeSpan _quiet = TimeSpan.FromSeconds(options.Value.QuietSeconds);
    private readonly SemaphoreSlim _changed = new(0);
    private FileSystemWatcher? _watcher;
    private string? _known;
    private bool _isTold;
    private int _restless;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await parts.Run("plugin watcher", Look, stoppingToken);
        _watcher?.Dispose();
    }

    private async Task Look(CancellationToken stop)
    {
        Directory.CreateDirectory(sets.Source);
        _watcher ??= TryWatch();
        var signature = PluginScan.Signature(sets.Source, stop);
        if (signature == _known)
        {
            await _changed.WaitAsync(Poll, stop);
            return;
        }
        // At rest: two looks that see the same, a quiet time apart. The first set need not wait.
        if (_known is not null)
            await Task.Delay(_quiet, clock, stop);
        // A folder in which something goes on changing must not keep the others' versions out for ever.
        if (_known is null || PluginScan.Signature(sets.Source, stop) == signature || ++_restless >= MostRestless)
        {
            await sets.Refresh(stop);
            (_known, _restless) = (signature, 0);
        }
    }

    private FileSystemWatcher? TryWatch()
    {
        try
        {
            return Watch();
        }
        // Systems have a limit of watched folders. Without being told, every look finds what has changed.
        catch (IOException e) when (!_isTold)
        {
            _isTold = true;
            Log.NotAnnounced(log, e);
            return null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    private FileSystemWatcher Watch()
    {
        var watcher = new FileSystemWatcher(sets.Source)
        {
            IncludeSubdirectories = true,
            NotifyFilter =
                NotifyFilters.FileName | NotifyFilters.DirectoryName | NotifyFilters.LastWrite | NotifyFilters.Size,
        };
        void Notice()
        {
            if (_changed.CurrentCount == 0)
                _changed.Release();
        }
        watcher.Changed += (_, _) => Notice();
        watcher.Created += (_, _) => Notice();
        watcher.Deleted += (_, _) => Notice();
        watcher.Renamed += (_, _) => Notice();
        watcher.Error += (_, _) => Notice();
        watcher.EnableRaisingEvents = true;
        return watcher;
    }
}
