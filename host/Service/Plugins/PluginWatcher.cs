using KdPlugins.Torch;
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
    TimeProvider clock,
    ILogger<PluginWatcher> log
) : BackgroundService
{
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(5);
    private readonly TimeSpan _quiet = TimeSpan.FromSeconds(options.Value.QuietSeconds);
    private readonly SemaphoreSlim _changed = new(0);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        Directory.CreateDirectory(sets.Source);
        using var watcher = Watch();
        var known = (string?)null;
        while (!stoppingToken.IsCancellationRequested)
            try
            {
                var signature = PluginScan.Signature(sets.Source);
                if (signature == known)
                {
                    await _changed.WaitAsync(Poll, stoppingToken);
                    continue;
                }
                // At rest: two looks that see the same, a quiet time apart. The first set need not wait.
                if (known is not null)
                    await Task.Delay(_quiet, clock, stoppingToken);
                if (known is null || PluginScan.Signature(sets.Source) == signature)
                {
                    await sets.Refresh(stoppingToken);
                    known = signature;
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or KdException)
            {
                Log.PluginTrouble(log, e);
                await Task.Delay(_quiet, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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
