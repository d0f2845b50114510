using System.Runtime.CompilerServices;
using KdPlugins.Core;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Torch;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KdPlugins.Host.Service.Plugins;

/// <summary>
/// The plugins in use. A change of the watched folder makes a new set beside the old one; only what can be loaded comes
/// into it, a folder whose new version cannot keeps its old one, and the old set is unloaded when the new one serves.
/// </summary>
internal sealed class PluginSets : IDisposable
{
    private readonly string _source;
    private readonly string _store;
    private readonly ServiceOptions _options;
    private readonly JobQueue _queue;
    private readonly PluginStaging _staging;
    private readonly ServiceMetrics _metrics;
    private readonly ILogger<PluginSets> _log;
    private readonly ReaderWriterLockSlim _use = new();
    private readonly Dictionary<string, int> _leases = [];
    private readonly Lock _gate = new();
    private SortedDictionary<string, ScannedSource>? _seen;

    // Folders that stay in memory when they are unloaded: as their check says of the version in use, and as a version did here.
    private readonly Dictionary<string, string> _leaky = [];
    private readonly Dictionary<string, string> _leaked = [];
    private string _rules = "";
    private PluginSet? _current;

    public PluginSets(
        IOptions<ServiceOptions> options,
        JobQueue queue,
        IsolatedCheck check,
        ServiceMetrics metrics,
        ILogger<PluginSets> log
    )
    {
        (_options, _queue, _metrics, _log) = (options.Value, queue, metrics, log);
        _source = Path.GetFullPath(_options.Plugins.Length > 0 ? _options.Plugins : FolderPluginCatalog.DefaultRoot);
        _store = Path.Combine(Path.GetFullPath(_options.Data), "plugin-sets");
        Directory.CreateDirectory(_store);
        _staging = new(_source, Path.Combine(_store, ".new"), _options, check);
        _staging.Dispose();
    }

    /// <summary>The watched folder.</summary>
    internal string Source => _source;

    /// <summary>Whether a set is in use.</summary>
    internal bool IsReady => Volatile.Read(ref _current) is not null;

    /// <summary>What the latest change left out.</summary>
    internal IReadOnlyList<PluginTrouble> Troubles { get; private set; } = [];

    /// <summary>The name of the set in use; null before the first.</summary>
    internal string? CurrentName => Volatile.Read(ref _current)?.Name;

    /// <summary>Works with the plugins in use; they stay loaded for as long. Keep nothing of them.</summary>
    /// <exception cref="KdException"><c>KDP0907</c>: the plugins are not loaded yet.</exception>
    internal T Use<T>(Func<FolderPluginCatalog, T> work)
    {
        _use.EnterReadLock();
        try
        {
            var current =
                _current
                ?? throw new KdException(ServiceErrors.Refused, "The plugins are being loaded; ask again soon.");
            return work(current.Catalog);
        }
        finally
        {
            _use.ExitReadLock();
        }
    }

    /// <summary>Keeps a set for a run: the one it began with, where that still exists, else the one in use.</summary>
    internal PluginLease Lease(string? name)
    {
        lock (_gate)
        {
            var set = name is not null && Directory.Exists(Folder(name)) ? name : _current!.Name;
            _leases[set] = _leases.GetValueOrDefault(set) + 1;
            return new(set, Folder(set), () => Release(set));
        }
    }

    /// <summary>Brings the sets up to date with the watched folder. One call at a time.</summary>
    /// <returns>Whether another set is in use now.</returns>
    internal async Task<bool> Refresh(CancellationToken stop)
    {
        var (found, rules) = (PluginScan.Folders(_source, stop), _staging.Rules());
        if (_seen is not null && _seen.SequenceEqual(found) && _rules == rules)
            return false;
        _staging.Begin();
        try
        {
            var (chosen, troubles) = await Choose(found, isNew: _rules != rules, stop);
            var name = PluginScan.SetName(chosen.Select(c => KeyValuePair.Create(c.Key, c.Value.Hash)), rules);
            Troubles = troubles;
            var changed = name != _current?.Name;
            if (changed)
                Swap(Make(name, chosen));
            (_seen, _rules) = (found, rules);
            return changed;
        }
        finally
        {
            _staging.Dispose();
        }
    }

    public void Dispose()
    {
        _current?.Catalog.Dispose();
        _use.Dispose();
    }

    private string Folder(string set) => Path.Combine(_store, set);

    // For each folder the version to use: the new one where it is good, else the one in use, else none. Where the rules are
    // new, every folder is tried anew.
    private async Task<(SortedDictionary<string, (string Path, string Hash)>, List<PluginTrouble>)> Choose(
        SortedDictionary<string, ScannedSource> found,
        bool isNew,
        CancellationToken stop
    )
    {
        var chosen = new SortedDictionary<string, (string, string)>(StringComparer.Ordinal);
        List<PluginTrouble> troubles = [];
        var fresh = found.Where(f => isNew || _current?.Folders.GetValueOrDefault(f.Key) != f.Value.Hash).ToList();
        foreach (var (folder, source) in found.Except(fresh))
            chosen[folder] = (Path.Combine(_current!.Folder, folder), source.Hash);
        var results = await Check(fresh, stop);
        foreach (var (folder, source) in fresh)
        {
            var result = results[folder];
            var old = _current?.Folders.GetValueOrDefault(folder);
            // The version in use, under new rules: there is no older one to fall back to.
            if (old == source.Hash)
                old = null;
            if (result.IsGood || (result.MayBeLoaded && old is null))
            {
                chosen[folder] = (_staging.At(folder), source.Hash);
                Remember(folder, result.Leak);
            }
            else if (old is not null)
                chosen[folder] = (Path.Combine(_current!.Folder, folder), old);
            if (!result.IsGood)
                troubles.Add(Told(new(folder, result.Reason, old is not null)));
        }
        return (chosen, troubles);
    }

    private async Task<Dictionary<string, CheckResult>> Check(
        IReadOnlyList<KeyValuePair<string, ScannedSource>> fresh,
        CancellationToken stop
    )
    {
        var results = new Dictionary<string, CheckResult>();
        foreach (var (folder, source) in fresh)
            if ((source.Problem ?? _staging.Stage(folder, source.Hash)) is { } reason)
                results[folder] = new(false, false, reason);
        // All at once: one process, not one per folder. Only where that did not survive is each tried alone.
        var staged = fresh.Select(f => f.Key).Except(results.Keys).ToList();
        var all = staged.Count > 0 ? await _staging.CheckAll(staged, stop) : null;
        foreach (var folder in staged)
            results[folder] = all!.Of(folder) ?? await _staging.CheckOne(folder, stop);
        return results;
    }

    // A leak does no harm to runs, which are processes of their own, nor to the service, where such a plugin is not run.
    private void Remember(string folder, string leak)
    {
        if (leak.Length == 0)
            _leaky.Remove(folder);
        else
        {
            _leaky[folder] = leak;
            Log.PluginHeld(_log, folder, leak);
        }
    }

    private PluginTrouble Told(PluginTrouble trouble)
    {
        if (trouble.KeptOld)
            Log.PluginRolledBack(_log, trouble.Folder, trouble.Reason);
        else
            Log.PluginRefused(_log, trouble.Folder, trouble.Reason);
        return trouble;
    }

    private PluginSet Make(string name, SortedDictionary<string, (string Path, string Hash)> chosen)
    {
        var folder = Folder(name);
        if (!Directory.Exists(folder))
        {
            var temporary = Path.Combine(_staging.Folder, ".set");
            Directory.CreateDirectory(temporary);
            foreach (var (plugin, (path, _)) in chosen)
                PluginScan.Copy(path, Path.Combine(temporary, plugin));
            _staging.CopyLock(temporary);
            Directory.Move(temporary, folder);
        }
        var options = new LoaderOptions
        {
            Trust = _options.Trust,
            TrustedKeys = _options.TrustedKeys,
            BeforeFirstInstance = () => NativeRuntime.Start(),
            Held = _leaked.Concat(_leaky).DistinctBy(h => h.Key).ToDictionary(),
        };
        var catalog = FolderPluginCatalog.Load(folder, options);
        return new(name, folder, chosen.ToDictionary(c => c.Key, c => c.Value.Hash), catalog);
    }

    private void Swap(PluginSet fresh)
    {
        var old = Exchange(fresh);
        Log.PluginsComposed(_log, fresh.Catalog.Plugins.Count, fresh.Folders.Count, fresh.Name);
        if (old is not null)
            Prove(old);
        _metrics.PluginsSwapped();
        CollectGarbage();
    }

    // Apart from the proof, so that nothing on the stack keeps the old plugins.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private PluginSet? Exchange(PluginSet fresh)
    {
        _use.EnterWriteLock();
        try
        {
            lock (_gate)
            {
                var old = _current;
                _current = fresh;
                return old;
            }
        }
        finally
        {
            _use.ExitWriteLock();
        }
    }

    private void Prove(PluginSet old)
    {
        var results = old.Catalog.Unload();
        var leaked = results.Where(r => !r.IsUnloaded).Select(r => r.ToString()).ToList();
        // What its check did not show, as when only its options make it leak: no later version is run here.
        foreach (var result in results.Where(r => !r.IsUnloaded))
            _leaked[result.Folder] = $"An earlier version stayed in memory. {result}";
        _metrics.PluginsUnloaded(results.Count - leaked.Count, leaked.Count);
        if (leaked.Count == 0)
            Log.PluginsUnloaded(_log, old.Name);
        else
            Log.PluginsLeaked(_log, old.Name, string.Join(" ", leaked));
    }

    private void Release(string set)
    {
        lock (_gate)
            if (--_leases[set] == 0)
                _leases.Remove(set);
    }

    // Sets that nobody uses, and that no waiting run began with.
    private void CollectGarbage()
    {
        var wanted = _queue.PluginSetsInUse();
        lock (_gate)
            foreach (var folder in Directory.EnumerateDirectories(_store))
            {
                var name = Path.GetFileName(folder);
                if (
                    name != _current!.Name
                    && !name.StartsWith('.')
                    && !_leases.ContainsKey(name)
                    && !wanted.Contains(name)
                )
                    Directory.Delete(folder, recursive: true);
            }
    }
}
