using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.SelectiveFd.Tests;

/// <summary>The method, with all that crosses written down.</summary>
[KdStrategy("watched-fd", Description = "Selective-FD that is watched")]
public sealed class WatchedFd : SelectiveFdStrategy
{
    public WatchedFd() => Channel = new Watching(Channel);

    /// <summary>Of the run that began last.</summary>
    internal static List<(string From, string Into, Message Message)> Sent { get; set; } = [];

    private sealed class Watching(IChannel channel) : IChannel
    {
        private readonly List<(string, string, Message)> _sent = [];

        public Message Send(string from, string into, Message message)
        {
            if (_sent.Count == 0)
                Sent = _sent;
            var arrived = channel.Send(from, into, message);
            // Tensors of a step die with it.
            _sent.Add((from, into, Kept(arrived)));
            return arrived;
        }

        private static Message Kept(Message message) =>
            message switch
            {
                Message.Mask m => Message.NewMask(m.accepted.clone().DetachFromDisposeScope()),
                Message.Predictions p => Message.NewPredictions(p.samples, p.values.clone().DetachFromDisposeScope()),
                Message.Ensemble e => Message.NewEnsemble(e.samples, e.values.clone().DetachFromDisposeScope()),
                _ => message,
            };
    }
}
