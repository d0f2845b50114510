using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;

namespace KdPlugins.Host.Service.Api;

/// <summary>What happens, as server-sent events; now and then one that says nothing but that the service is there.</summary>
internal static class EventStream
{
    private static readonly TimeSpan Pulse = TimeSpan.FromSeconds(15);

    /// <summary>The events of a run, or of all where job is null. The first says that the stream is open.</summary>
    /// <param name="hub">Where they come from.</param>
    /// <param name="job">The run; null for all.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="gone">The reader has gone.</param>
    /// <param name="ending">The service ends.</param>
    /// <param name="stop">Ends the reading.</param>
    internal static async IAsyncEnumerable<SseItem<string>> Of(
        Hub hub,
        string? job,
        TimeProvider clock,
        CancellationToken gone,
        CancellationToken ending,
        [EnumeratorCancellation] CancellationToken stop = default
    )
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(gone, ending, stop);
        var happenings = hub.Watch(job, over.Token).GetAsyncEnumerator(over.Token);
        var next = happenings.MoveNextAsync().AsTask();
        try
        {
            yield return Alive;
            while (await Arrives(next, clock) is { } arrived)
            {
                if (!arrived)
                {
                    yield return Alive;
                    continue;
                }
                yield return new(happenings.Current.Text, happenings.Current.Kind);
                next = happenings.MoveNextAsync().AsTask();
            }
        }
        finally
        {
            await over.CancelAsync();
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await happenings.DisposeAsync();
        }
    }

    private static SseItem<string> Alive => new("{}", "alive");

    // True for a happening, false where none came in time, null at the end.
    private static async Task<bool?> Arrives(Task<bool> next, TimeProvider clock)
    {
        try
        {
            return await next.WaitAsync(Pulse, clock) ? true : null;
        }
        catch (TimeoutException)
        {
            return false;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }
}
