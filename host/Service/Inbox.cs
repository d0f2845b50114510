using KdPlugins.Host.Service.Plugins;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Torch;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KdPlugins.Host.Service;

/// <summary>
/// A folder whose recipes are queued: each goes to taken/ with the run's id in its name, or to refused/ with the reason in a
/// file beside it. Files at rest only: one that is still being copied waits.
/// </summary>
internal sealed class Inbox(
    Submission submission,
    PluginSets plugins,
    IOptions<ServiceOptions> options,
    TimeProvider clock,
    ILogger<Inbox> log
) : BackgroundService
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);
    private readonly string _folder = Path.Combine(Path.GetFullPath(options.Value.Data), "inbox");
    private readonly Dictionary<string, (long Length, DateTime Changed)> _seen = [];

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        foreach (var sub in (string[])["taken", "refused"])
            Directory.CreateDirectory(Path.Combine(_folder, sub));
        while (!stoppingToken.IsCancellationRequested)
        {
            if (plugins.IsReady)
                foreach (var file in AtRest())
                    Take(file);
            await Task.Delay(Poll, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private List<string> AtRest()
    {
        List<string> ready = [];
        foreach (
            var file in new DirectoryInfo(_folder).EnumerateFiles("*.json").OrderBy(f => f.Name, StringComparer.Ordinal)
        )
        {
            var now = (file.Length, file.LastWriteTimeUtc);
            if (_seen.TryGetValue(file.FullName, out var before) && before == now)
                ready.Add(file.FullName);
            _seen[file.FullName] = now;
        }
        return ready;
    }

    private void Take(string file)
    {
        _seen.Remove(file);
        try
        {
            var job = submission.Submit(new(File.ReadAllText(file), _folder, [], 0, 0, 0, "inbox"));
            Move(file, "taken", $"{Path.GetFileNameWithoutExtension(file)}.{job.Id}.json");
        }
        catch (Exception e) when (e is KdException or IOException or UnauthorizedAccessException)
        {
            Log.InboxRefused(log, Path.GetFileName(file), e.Message);
            var name = $"{Path.GetFileNameWithoutExtension(file)}.{clock.GetUtcNow():yyyyMMdd-HHmmss-fff}";
            if (Move(file, "refused", $"{name}.json"))
                File.WriteAllText(Path.Combine(_folder, "refused", $"{name}.txt"), e.Message + "\n");
        }
    }

    private bool Move(string file, string to, string name)
    {
        try
        {
            File.Move(file, Path.Combine(_folder, to, name));
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.InboxRefused(log, Path.GetFileName(file), e.Message);
            return false;
        }
    }
}
