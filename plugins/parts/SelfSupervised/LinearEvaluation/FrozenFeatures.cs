using KdPlugins.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.SelfSupervised;

/// <summary>What another network says of an input, without graph and in evaluation mode, whoever asks and when.</summary>
internal sealed class FrozenFeatures(INetwork network)
{
    public NetworkShape Shape => network.Shape;

    /// <summary>float32 [B, D].</summary>
    public Tensor Of(Tensor input, Tensor? mask)
    {
        network.Module.eval();
        using var _ = no_grad();
        return network.Forward(input, mask, []).Embedding.to(ScalarType.Float32);
    }
}
