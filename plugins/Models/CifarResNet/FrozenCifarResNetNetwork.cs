using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>A <see cref="FrozenCifarResNet"/> in a role.</summary>
internal sealed class FrozenCifarResNetNetwork(FrozenCifarResNet net, NetworkShape shape) : INetwork
{
    public nn.Module Module => net;

    public NetworkShape Shape => shape;

    public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string>? taps)
    {
        foreach (var tap in taps ?? [])
            shape.Tap(tap);
        var output = net.ForwardFeatures(input, taps ?? []);
        return new ModelOutput(output.Logits, output.Pooled, output.Features);
    }
}
