using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace KdPlugins.Host.Service;

/// <summary>A thing that happened, on its way to those who watch.</summary>
/// <param name="Job">The run it concerns; empty for the service itself.</param>
/// <param name="Kind">What it is: job, worker, plugins.</param>
/// <param name="Data">The details.</param>
internal sealed record Happening(string Job, string Kind, JsonObject Data)
{
    private readonly Lazy<string> _text = new(() =>
        new JsonObject { ["run"] = Job, ["data"] = Data.DeepClone() }.ToJsonString()
    );

    /// <summary>The whole as JSON, made once however many watch.</summary>
    internal string Text => _text.Value;
}

/// <summary>
/// Hands what happens to everybody who watches. Nobody holds it up: whoever reads too slowly misses the oldest.
/// </summary>
internal sealed class Hub
{
    private const int Waiting = 256;
    private readonly ConcurrentDictionary<Channel<Happening>, string?> _watchers = new();

    /// <summary>The number of those who watch.</summary>
    internal int Watchers => _watchers.Count;

    /// <summary>Tells everybody.</summary>
    internal void Tell(Happening happening)
    {
        foreach (var (channel, job) in _watchers)
            if (job is null || job == happening.Job)
                channel.Writer.TryWrite(happening);
    }

    /// <summary>What happens from now on until cancelled; of one run, or of all where job is null.</summary>
    internal async IAsyncEnumerable<Happening> Watch(
        string? job,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation
    )
    {
        var channel = Channel.CreateBounded<Happening>(
            new BoundedChannelOptions(Waiting) { FullMode = BoundedChannelFullMode.DropOldest }
        );
        _watchers[channel] = job;
        try
        {
            await foreach (var happening in channel.Reader.ReadAllAsync(cancellation))
                yield return happening;
        }
        finally
        {
            _watchers.TryRemove(channel, out _);
        }
    }
}
