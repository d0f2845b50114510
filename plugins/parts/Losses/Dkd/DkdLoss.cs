using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Losses;

/// <summary>
/// min(n / warm-up, 1) t^2 (alpha TCKD + beta NCKD), the mean over samples, n the epoch from 1. TCKD compares how likely
/// the true class is against all others together, NCKD the softmax of the others alone; kd is TCKD + (1 - p_T,y) NCKD
/// (equations 6 and 7 of the paper).
/// </summary>
[KdLoss(
    "dkd",
    Description = "Distillation of the true class and of the other classes, weighted apart",
    Paper = "Zhao, Cui, Song, Qiu, Liang: Decoupled Knowledge Distillation, CVPR 2022"
)]
public sealed class DkdLoss : DistillationLoss<DkdOptions>
{
    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: teacher and student have different numbers of classes.</exception>
    public override void Bind(LossBinding binding) => Asker.RequireSameClasses(binding);

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0303</c>: the logits differ in shape, or are not <c>[batch, classes]</c> of two classes at least;
    /// <c>KDP0304</c>: the targets are no classes.
    /// </exception>
    public override Tensor Compute(ILossContext context)
    {
        var (student, teacher) = Logits.Rows(Asker, context);
        var (count, classes) = (student.shape[0], student.shape[1]);
        var labels = TargetReader.As<ClassIndexTarget>(context.Batch.Target, $"{Asker}").Labels;
        if (labels.shape[0] != count)
            throw Asker.WrongShape(
                $"needs a label per sample, got logits {TensorText.Shape(student.shape)} and labels {TensorText.Shape(labels.shape)}."
            );
        var truth = labels.unsqueeze(1);
        // [B, C - 1]: 0, 1, ... without the true class
        var others = arange(classes - 1, ScalarType.Int64, student.device).unsqueeze(0);
        others = others.add(others.ge(truth).to(ScalarType.Int64));
        var target = TargetPart(student, teacher, truth, others);
        var rest = KdMath.KlDivergence(student.gather(1, others), teacher.gather(1, others), Options.Temperature);
        context.Report("target", target);
        context.Report("other-classes", rest);
        return target.mul(Options.Alpha).add(rest.mul(Options.Beta)).mul(WarmUp(context.Progress.Epoch));
    }

    // KL(b_T || b_S), b = [p_y, 1 - p_y]; 1 - p_y as a sum over the other classes, whose logarithm stays finite.
    private Tensor TargetPart(Tensor student, Tensor teacher, Tensor truth, Tensor others)
    {
        var (logQ, logP) = (Binary(student), Binary(teacher));
        var squared = Options.Temperature * Options.Temperature;
        return logP.exp().mul(logP.sub(logQ)).sum(1).mean().mul(squared);

        Tensor Binary(Tensor logits)
        {
            var all = KdMath.LogProbabilities(logits, Options.Temperature);
            return cat([all.gather(1, truth), all.gather(1, others).logsumexp(1, keepdim: true)], 1);
        }
    }

    private double WarmUp(long epoch) =>
        Options.WarmUpEpochs == 0 ? 1 : Math.Min((epoch + 1.0) / Options.WarmUpEpochs, 1);
}
