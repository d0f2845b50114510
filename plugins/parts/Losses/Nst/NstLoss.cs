using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Losses;

/// <summary>
/// The maximum mean discrepancy between both networks' channels, summed over the taps: a channel is the vector of its
/// positions, of length 1, and channels are compared by k(a, b) = (a b)^2 (the paper's polynomial
/// kernel with d = 2 and c = 0). Maps of different sizes: the larger is averaged down.
/// </summary>
[KdLoss(
    "nst",
    Description = "Distribution of the channels of feature maps, tap by tap",
    Paper = "Huang, Wang: Like What You Like: Knowledge Distill via Neuron Selectivity Transfer, 2017"
)]
public sealed class NstLoss : FeatureLoss<NstOptions>
{
    private protected override bool ComparesPositions => true;

    private protected override Tensor Compare(IReadOnlyList<(Tensor Student, Tensor Teacher)> pairs) =>
        pairs.Select(p => Discrepancy(p.Student, p.Teacher)).Aggregate((a, b) => a.add(b));

    private static Tensor Discrepancy(Tensor student, Tensor teacher)
    {
        var (own, other) = FeatureMaps.Aligned(student, teacher);
        var (s, t) = (Channels(own), Channels(other));
        return Kernel(t, t).add(Kernel(s, s)).sub(Kernel(s, t).mul(2));
    }

    // [B, C, h, w] to [B, C, hw]
    private static Tensor Channels(Tensor map) => FeatureMath.Unit(map.flatten(2), 2);

    // The mean over samples and pairs of channels.
    private static Tensor Kernel(Tensor first, Tensor second) =>
        TorchOps.matmul(first, second.transpose(1, 2)).square().mean();
}
