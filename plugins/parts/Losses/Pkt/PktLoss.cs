using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Losses;

/// <summary>
/// The divergence of both networks' probabilities that one sample of the batch chooses another, by the cosines of their
/// embeddings brought to [0, 1]; the mean over all pairs (the paper's cosine kernel). The embeddings may differ in
/// length.
/// </summary>
[KdLoss(
    "pkt",
    Description = "Probability of one sample choosing another, by cosines of embeddings",
    Paper = "Passalis, Tefas: Learning Deep Representations with Probabilistic Knowledge Transfer, ECCV 2018"
)]
public sealed class PktLoss : EmbeddingLoss<PktOptions>
{
    // What the published code adds to lengths and to probabilities.
    private const double Epsilon = 1e-7;

    private protected override Tensor Compare(Tensor student, Tensor teacher, ILossContext context)
    {
        var (q, p) = (Choices(student), Choices(teacher));
        return p.mul(p.add(Epsilon).div(q.add(Epsilon)).log()).mean();
    }

    // [B, B], rows that sum to 1
    private Tensor Choices(Tensor rows)
    {
        var lengths =
            Options.Smoothing > 0
                ? Lengths.Smooth(rows.square().sum(1, keepdim: true), Options.Smoothing)
                : rows.norm(1, keepdim: true, p: 2f).add(Epsilon);
        var directions = rows.div(lengths);
        var similar = TorchOps.matmul(directions, directions.t()).add(1).div(2);
        return similar.div(similar.sum(1, keepdim: true));
    }
}
