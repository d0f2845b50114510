using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.AugKd;

/// <summary>
/// The objective of AuG-KD's third stage: mean_i [u CE(S_i, y_i) + (1 - u) T^2 KL(softmax(T_i / T) || softmax(S_i / T))],
/// target probabilities clipped at 1e-8. Any other loss of a recipe can stand in its place.
/// </summary>
[KdLoss(
    "aug-kd-mix",
    Description = "Labels and softened teacher in fixed shares, as AuG-KD's third stage has them",
    Paper = AugKdStrategy.Paper
)]
public sealed class AugKdMixLoss : DistillationLoss<AugKdMixOptions>
{
    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0303</c>: the logits differ in shape, or are not <c>[batch, classes]</c> of two classes at least; <c>KDP0304</c>:
    /// the targets are no classes.
    /// </exception>
    public override Tensor Compute(ILossContext context)
    {
        _ = Asker.RequireLogits(context, rows: true);
        // The teacher's with graph: the student may stand in its place.
        var (student, teacher) = (AugKdLosses.Wide(context.Student.Logits), context.Teacher.Logits);
        var labels = TargetReader.As<ClassIndexTarget>(context.Batch.Target, $"{Asker}").Labels;
        var hard = nn.functional.cross_entropy(student, labels);
        var soft = AugKdLosses.Divergences(student, teacher, Options.Temperature).mean();
        context.Report("labels", hard);
        context.Report("teacher", soft);
        return hard * Options.Labels + soft * (1 - Options.Labels);
    }
}
