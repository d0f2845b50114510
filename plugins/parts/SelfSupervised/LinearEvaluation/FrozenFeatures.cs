using KdPlugins.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.SelfSupervised;

/// <summary>
/// What a network says that a probe judges, without being a part of the probe: it is a role of its own, which no stage of the
/// probe trains.
/// </summary>
internal sealed class FrozenFeatures(INetwork network)
{
    /// <summary>float32 [B, D].</summary>
    public Tensor Of(Tensor input, Tensor? mask) => network.Forward(input, mask, []).Embedding.to(ScalarType.Float32);
}
