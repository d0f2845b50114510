using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Losses;

/// <summary>
/// ||G_T - G_S||_F^2 / B^2, summed over the taps: G = F F^T are the inner products of a batch's flattened samples, every
/// row of length 1. The networks' values may differ in shape.
/// </summary>
[KdLoss(
    "sp",
    Description = "Similarities between the samples of a batch, by flattened features",
    Paper = "Tung, Mori: Similarity-Preserving Knowledge Distillation, ICCV 2019"
)]
public sealed class SpLoss : FeatureLoss<SpOptions>
{
    private protected override bool ComparesSamples => true;

    private protected override bool NeedsMaps => false;

    private protected override Tensor Compare(IReadOnlyList<(Tensor Student, Tensor Teacher)> pairs) =>
        pairs
            .Select(p => Similarities(p.Student).sub(Similarities(p.Teacher)).square().mean())
            .Aggregate((a, b) => a.add(b));

    // [B, B]
    private static Tensor Similarities(Tensor values)
    {
        var rows = values.flatten(1);
        return FeatureMath.Unit(TorchOps.matmul(rows, rows.t()), 1);
    }
}
