using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>
/// A network for inference with weights that no longer change: norms folded, ReLUs and residual sums computed by the
/// convolutions. Same taps; maps in its dtype, embedding and logits in float32 at least.
/// </summary>
internal sealed class FrozenNetwork(StagedNet net, ScalarType dtype, NetworkShape shape) : INetwork
{
    public nn.Module Module => net;

    public NetworkShape Shape => shape;

    public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string>? taps)
    {
        foreach (var tap in taps ?? [])
            shape.Tap(tap);
        using var own = Autocast.Disabled();
        using var x = input.dtype == dtype ? Traced.Alias(input) : input.to(dtype);
        return StagedNetwork.Output(net.ForwardFeatures(x, taps ?? []));
    }
}
