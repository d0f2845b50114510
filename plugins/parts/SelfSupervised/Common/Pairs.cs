using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.SelfSupervised;

/// <summary>The check of two projections.</summary>
internal static class Pairs
{
    /// <exception cref="KdException"><c>KDP0303</c>: not two matrices of one shape with at least two rows.</exception>
    public static void Require(Asker loss, Tensor first, Tensor second)
    {
        if (first.dim() != 2 || !first.shape.SequenceEqual(second.shape))
            throw loss.WrongShape(
                $"needs two views [samples, width] of one shape, got {TensorText.Describe(first)} and {TensorText.Describe(second)}."
            );
        loss.RequireSamples(first);
    }
}
