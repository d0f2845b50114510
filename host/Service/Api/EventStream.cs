using System.Buffers;
using System.IO.Pipelines;

namespace KdPlugins.Host.Service.Api;

/// <summary>What happens, as server-sent events. A stream has no end of its own.</summary>
internal static class EventStream
{
    internal const string ContentType = "text/event-stream";

    /// <summary>
    /// Writes the events of a run, or of all where job is null; the first says that the stream is open. What has happened
    /// meanwhile goes out together: with many readers, the number of writes is what costs.
    /// </summary>
    /// <param name="body">Where to.</param>
    /// <param name="hub">Where they come from.</param>
    /// <param name="job">The run; null for all.</param>
    /// <param name="stop">Ends it: the reader has gone, or the service ends.</param>
    internal static async Task Write(PipeWriter body, Hub hub, string? job, CancellationToken stop)
    {
        using var watch = hub.Open(job);
        // Cheaper than a token for every wait.
        await using var end = stop.UnsafeRegister(w => ((Hub.Watch)w!).Dispose(), watch);
        body.Write(Happening.Alive.Event);
        do
        {
            while (watch.Reader.TryRead(out var happening))
                body.Write(happening.Event);
            if ((await body.FlushAsync(CancellationToken.None)).IsCompleted)
                return;
        } while (await watch.Reader.WaitToReadAsync(CancellationToken.None));
    }
}
