using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.Text;

/// <summary>
/// How far the student's next tokens are from the teacher's, at the places of each text that the target counts: the mean over a text's places,
/// then over texts.
/// </summary>
[KdLoss(
    "token-divergence",
    Description = "Divergence of teacher's and student's next tokens: forward and reverse KL, JSD, GKD's generalised JSD",
    Paper = "Agarwal et al.: On-Policy Distillation of Language Models, ICLR 2024"
)]
public sealed class TokenDivergenceLoss : DistillationLoss<TokenDivergenceOptions>
{
    /// <inheritdoc/>
    /// <exception cref="KdPlugins.Torch.KdException"><c>KDP0303</c>: the vocabularies differ in size.</exception>
    public override void Bind(LossBinding binding) => Asker.RequireSameClasses(binding);

    /// <inheritdoc/>
    /// <exception cref="KdPlugins.Torch.KdException">
    /// <c>KDP0303</c>: the logits differ in shape, or are no <c>[B, L, V]</c>; <c>KDP0304</c>: the target is no tokens.
    /// </exception>
    public override Tensor Compute(ILossContext context)
    {
        var (student, teacher) = Asker.RequireLogits(context);
        if (student.dim() != 3)
            throw Asker.WrongShape(
                $"needs logits [batch, length, vocabulary], got {Torch.TensorText.Describe(student)}."
            );
        var counts = TargetReader.As<TokenTarget>(context.Batch.Target, $"{Asker}").Mask;
        Asker.RequireMask(counts, student.shape[..2]);
        if (Options.Window == LossWindow.Shifted)
            counts = TokenDivergences.Shifted(counts);
        var each = TokenDivergences.Of(student, teacher, Options.Divergence, Options.Beta, Options.Temperature);
        return TokenDivergences.Mean(each, counts);
    }
}
