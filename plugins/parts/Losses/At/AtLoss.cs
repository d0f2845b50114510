using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.Losses;

/// <summary>
/// The distance of attention maps phi(F) = v / ||v||, v the mean over channels of F^2 at every position, summed over the
/// taps (equation 2 of the paper, with the activation-based F_sum^2). Maps of different sizes: the larger is averaged down.
/// </summary>
[KdLoss(
    "at",
    Description = "Where feature maps are active, compared tap by tap",
    Paper = "Zagoruyko, Komodakis: Paying More Attention to Attention, ICLR 2017"
)]
public sealed class AtLoss : FeatureLoss<AtOptions>
{
    private protected override bool ComparesPositions => true;

    private protected override Tensor Compare(IReadOnlyList<(Tensor Student, Tensor Teacher)> pairs) =>
        pairs.Select(p => Distance(p.Student, p.Teacher)).Aggregate((a, b) => a.add(b));

    private Tensor Distance(Tensor student, Tensor teacher)
    {
        var (own, other) = FeatureMaps.Aligned(student, teacher);
        var difference = FeatureMath.Attention(own).sub(FeatureMath.Attention(other));
        return Options.Distance == AttentionDistance.Norm
            ? difference.norm(1, keepdim: false, p: 2f).mean()
            : difference.square().mean();
    }
}
