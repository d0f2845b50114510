using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.SelectiveFd.Tests;

/// <summary>The method, with all that crosses written down.</summary>
[KdStrategy("watched-fd", Description = "Selective-FD that is watched")]
public sealed class WatchedFd : SelectiveFdStrategy
{
    /// <summary>Of the plan that was made last.</summary>
    internal static List<(string From, string Into, Message Message)> Sent { get; private set; } = [];

    public override IChannel NewChannel()
    {
        Sent = [];
        return new Watching(Sent, new LocalChannel());
    }

    private sealed class Watching(List<(string, string, Message)> sent, IChannel channel) : IChannel
    {
        public Message Send(string from, string into, Message message)
        {
            var arrived = channel.Send(from, into, message);
            // Tensors of a step die with it.
            sent.Add((from, into, Kept(arrived)));
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
