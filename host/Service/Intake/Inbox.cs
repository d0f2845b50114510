using KdPlugins.Host.Service.Plugins;
using KdPlugins.Host.Service.Queue;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KdPlugins.Host.Service.Intake;

/// <summary>
/// A folder whose recipes are queued: each goes to taken/ with the run's id in its name, or to refused/ with the reason in a
/// file beside it. Files at rest only: one that is still being copied waits.
/// </summary>
internal sealed class Inbox(
    Submission submission,
    JobQueue queue,
    PluginSets plugins,
    PartRunner parts,
    IOptions<ServiceOptions> options,
    TimeProvider clock,
    ILogger<Inbox> log
) : BackgroundService
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);
    private readonly string _folder = Path.Combine(Path.GetFullPath(options.Value.Data), "inbox");
    private Dictionary<string, (long Length, DateTime Changed)> _seen = [];

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var claims = new InboxClaims(_folder, queue, Submit, log);
        return parts.Run("inbox", stop => Look(claims, stop), stoppingToken);
    }

    private Job Submit(string recipe, string key) => submission.Submit(new(recipe, _folder, [], 0, 0, 0, "inbox"), key);

    private async Task Look(InboxClaims claims, CancellationToken stop)
    {
        claims.MakeFolders();
        if (plugins.IsReady)
            Take(claims);
        await Task.Delay(Poll, clock, stop);
    }

    // One file's trouble keeps no other waiting.
    private void Take(InboxClaims claims)
    {
        List<Exception> troubles = [];
        void Try(Action<string> work, string at)
        {
            try
            {
                work(at);
            }
            catch (Exception e)
            {
                troubles.Add(e);
            }
        }
        foreach (var claim in claims.Open())
            Try(claims.Settle, claim);
        foreach (var file in AtRest())
            Try(claims.Take, file);
        if (troubles.Count > 0)
            throw new AggregateException(troubles);
    }

    private List<string> AtRest()
    {
        List<string> ready = [];
        Dictionary<string, (long, DateTime)> seen = [];
        foreach (
            var file in new DirectoryInfo(_folder).EnumerateFiles("*.json").OrderBy(f => f.Name, StringComparer.Ordinal)
        )
            try
            {
                seen[file.FullName] = (file.Length, file.LastWriteTimeUtc);
                if (_seen.TryGetValue(file.FullName, out var before) && before == seen[file.FullName])
                    ready.Add(file.FullName);
            }
            catch (FileNotFoundException)
            {
                // Whoever put it there took it back meanwhile.
            }
        _seen = seen;
        return ready;
    }
}
