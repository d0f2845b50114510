using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace KdPlugins.Host.Service;

/// <summary>A thing that happened, on its way to those who watch.</summary>
/// <param name="Job">The run it concerns; empty for the service itself.</param>
/// <param name="Kind">What it is: job, worker, plugins; alive for nothing but that the service is there.</param>
/// <param name="Data">The details.</param>
internal sealed record Happening(string Job, string Kind, JsonObject Data)
{
    private readonly Lazy<byte[]> _event = new(() => Bytes(Job, Kind, Data));

    /// <summary>Says that the service is there.</summary>
    internal static Happening Alive { get; } = new("", "alive", []);

    /// <summary>The whole as a server-sent event, made once however many watch.</summary>
    internal ReadOnlySpan<byte> Event => _event.Value;

    private static byte[] Bytes(string job, string kind, JsonObject data)
    {
        var text = kind == "alive" ? data : new JsonObject { ["run"] = job, ["data"] = data.DeepClone() };
        return Encoding.UTF8.GetBytes($"event: {kind}\ndata: {text.ToJsonString()}\n\n");
    }
}

/// <summary>
/// Hands what happens to everybody who watches, and now and then that the service is there. Nobody holds it up: whoever
/// reads too slowly misses the oldest.
/// </summary>
internal sealed class Hub : IDisposable
{
    private const int Waiting = 256;
    private static readonly TimeSpan Pulse = TimeSpan.FromSeconds(15);
    private readonly ConcurrentDictionary<Channel<Happening>, string?> _watchers = new();
    private readonly ITimer _pulse;

    public Hub(TimeProvider clock) => _pulse = clock.CreateTimer(_ => Tell(Happening.Alive), null, Pulse, Pulse);

    /// <summary>The number of those who watch.</summary>
    internal int Watchers => _watchers.Count;

    /// <summary>Tells everybody whom it concerns.</summary>
    internal void Tell(Happening happening)
    {
        foreach (var (channel, job) in _watchers)
            if (job is null || job == happening.Job || happening == Happening.Alive)
                channel.Writer.TryWrite(happening);
    }

    /// <summary>What happens from now on until disposed; of one run, or of all where job is null.</summary>
    internal Watch Open(string? job)
    {
        var channel = Channel.CreateBounded<Happening>(
            new BoundedChannelOptions(Waiting) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true }
        );
        _watchers[channel] = job;
        return new(this, channel);
    }

    public void Dispose() => _pulse.Dispose();

    /// <summary>Somebody who watches.</summary>
    internal sealed class Watch(Hub hub, Channel<Happening> channel) : IDisposable
    {
        /// <summary>What has happened and is not read yet; complete when the watch is over.</summary>
        internal ChannelReader<Happening> Reader => channel.Reader;

        public void Dispose()
        {
            hub._watchers.TryRemove(channel, out _);
            channel.Writer.TryComplete();
        }
    }
}
