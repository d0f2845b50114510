using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Losses;

/// <summary>
/// mean (G_S - G_T)^2, summed over the pairs of consecutive taps: G = F_i F_{i+1}^T / hw says how the channels of one
/// go with those of the next (equations 1 and 2 of the paper). Teacher and student need as many channels at every tap;
/// within a pair the larger map is averaged down.
/// </summary>
[KdLoss(
    "fsp",
    Description = "Flow from each feature map to the next: products of their channels",
    Paper = "Yim, Joo, Bae, Kim: A Gift from Knowledge Distillation: Fast Optimization, Network Minimization and "
        + "Transfer Learning, CVPR 2017"
)]
public sealed class FspLoss : FeatureLoss<FspOptions>
{
    private protected override bool NeedsSameChannels => true;

    private protected override Tensor Compare(IReadOnlyList<(Tensor Student, Tensor Teacher)> pairs)
    {
        var steps = pairs.Zip(
            pairs.Skip(1),
            (from, to) => Flow(from.Student, to.Student).sub(Flow(from.Teacher, to.Teacher)).square().mean()
        );
        return steps.Aggregate((a, b) => a.add(b));
    }

    // [B, C, C'] from maps of C and C' channels.
    private static Tensor Flow(Tensor from, Tensor to)
    {
        var (first, second) = FeatureMaps.Aligned(from, to);
        var positions = first.shape[2] * first.shape[3];
        return TorchOps.matmul(first.flatten(2), second.flatten(2).transpose(1, 2)).div(positions);
    }
}
