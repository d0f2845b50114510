using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Meters;

/// <summary>Answers that do not fit to their targets.</summary>
internal static class Shapes
{
    /// <exception cref="KdException"><c>KDP0303</c>: the logits have another shape.</exception>
    internal static void Require(Asker meter, Tensor logits, ReadOnlySpan<long> expected)
    {
        if (!expected.SequenceEqual(logits.shape))
            throw meter.WrongShape(
                $"got logits {TensorText.Shape(logits.shape)}; the targets and the network's classes ask for {TensorText.Shape(expected)}."
            );
    }
}
