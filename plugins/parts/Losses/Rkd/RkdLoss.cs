using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Losses;

/// <summary>
/// Relations between the samples of a batch by their embeddings: distances of pairs divided by their mean, and cosines of
/// the angle at each sample between two others, both networks' compared by the smooth L1 distance (the paper's
/// RKD-D and RKD-A). The embeddings may differ in length.
/// </summary>
[KdLoss(
    "rkd",
    Description = "Distances and angles between the samples of a batch",
    Paper = "Park, Kim, Lu, Cho: Relational Knowledge Distillation, CVPR 2019"
)]
public sealed class RkdLoss : EmbeddingLoss<RkdOptions>
{
    // Squared distances are at least this in the published code.
    private const double Epsilon = 1e-12;

    // Two samples have one distance, its own mean, and no angle.
    private protected override long Fewest => 3;

    private protected override Tensor Compare(Tensor student, Tensor teacher, ILossContext context)
    {
        var (own, other) = (Differences(student), Differences(teacher));
        var distance = Apart(Distances(own), Distances(other));
        context.Report("distance", distance);
        var total = distance.mul(Options.Distance);
        if (Options.Angle == 0)
            return total;
        var angle = Apart(Angles(own), Angles(other));
        context.Report("angle", angle);
        return total.add(angle.mul(Options.Angle));
    }

    // [B, B, D]: entry (i, j) goes from j to i.
    private static Tensor Differences(Tensor rows) => rows.unsqueeze(1).sub(rows.unsqueeze(0));

    // [B, B] in units of the mean over pairs of two samples.
    private static Tensor Distances(Tensor differences)
    {
        var count = differences.shape[0];
        var pairs = eye(count, dtype: differences.dtype, device: differences.device).neg().add(1);
        var all = differences.square().sum(2).clamp_min(Epsilon).sqrt().mul(pairs);
        return all.div(all.sum().div(count * (count - 1)));
    }

    // [B, B, B]: the cosine at i between the ways to j and to k.
    private static Tensor Angles(Tensor differences)
    {
        var ways = FeatureMath.Unit(differences, 2);
        return TorchOps.matmul(ways, ways.transpose(1, 2));
    }

    private static Tensor Apart(Tensor student, Tensor teacher) =>
        nn.functional.smooth_l1_loss(student, teacher, nn.Reduction.Mean);
}
