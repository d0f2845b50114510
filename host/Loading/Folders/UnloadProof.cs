using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace KdPlugins.Host.Loading.Folders;

/// <summary>What became of a plugin folder that was unloaded.</summary>
/// <param name="Folder">The folder's name.</param>
/// <param name="IsUnloaded">Whether its context is gone from memory.</param>
/// <param name="Rounds">How many collections it took.</param>
/// <param name="Elapsed">How long.</param>
/// <param name="LikelyHolders">Where it is not gone: what may hold it, as far as can be named.</param>
/// <param name="LiveContexts">How many plugin contexts are in memory afterwards, of those unloaded together.</param>
public sealed record UnloadResult(
    string Folder,
    bool IsUnloaded,
    int Rounds,
    TimeSpan Elapsed,
    IReadOnlyList<string> LikelyHolders,
    int LiveContexts
)
{
    /// <summary>The leak as a finding; null where there is none.</summary>
    public Finding? Finding => IsUnloaded ? null : Loading.Finding.Warning(HostErrors.Leaked, ToString());

    /// <summary>One sentence.</summary>
    public override string ToString() =>
        IsUnloaded ? FormattableString.Invariant($"plugin '{Folder}' unloaded in {Elapsed.TotalMilliseconds:F0} ms.")
        : LikelyHolders.Count == 0
            ? $"plugin '{Folder}' leaked; nothing in its metadata explains it: a caller may keep a descriptor or options."
        : $"plugin '{Folder}' leaked; likely held by: {string.Join("; ", LikelyHolders)}.";
}

/// <summary>An unloading that has begun: nothing but a weak reference to the context.</summary>
internal sealed record UnloadTicket(string Folder, WeakReference Context, IReadOnlyList<string> Holders);

/// <summary>Proves that contexts are gone: collects until the weak references are dead, or gives up.</summary>
internal static class UnloadProof
{
    private const int MaxRounds = 10;

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static IReadOnlyList<UnloadResult> Of(IReadOnlyList<UnloadTicket> tickets)
    {
        var start = Stopwatch.GetTimestamp();
        var gone = new Dictionary<UnloadTicket, (int Rounds, TimeSpan Elapsed)>();
        for (var round = 0; round <= MaxRounds && gone.Count < tickets.Count; round++)
        {
            if (round > 0)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
            foreach (var ticket in tickets.Where(t => !t.Context.IsAlive))
                gone.TryAdd(ticket, (round, Stopwatch.GetElapsedTime(start)));
        }
        var live = tickets.Count - gone.Count;
        return
        [
            .. tickets.Select(t =>
                gone.TryGetValue(t, out var end)
                    ? new UnloadResult(t.Folder, true, end.Rounds, end.Elapsed, [], live)
                    : new UnloadResult(t.Folder, false, MaxRounds, Stopwatch.GetElapsedTime(start), t.Holders, live)
            ),
        ];
    }
}
