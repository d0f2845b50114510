using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.SelfSupervised;

/// <summary>The check of two projections.</summary>
internal static class Pairs
{
    /// <exception cref="KdException"><c>KDP0303</c>: not two matrices of one shape with at least two rows.</exception>
    public static void Require(string asker, Tensor first, Tensor second)
    {
        if (first.dim() != 2 || !first.shape.SequenceEqual(second.shape) || first.shape[0] < 2)
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"{asker} needs two views [samples, width] of one shape and at least 2 samples, got "
                    + $"{TensorText.Describe(first)} and {TensorText.Describe(second)}."
            );
    }
}
