using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Losses;

/// <summary>
/// t^2 KL(softmax(z_T / t) || softmax(z_S / t)), the mean over samples, over pixels of maps, or over the tokens that
/// count (equation 2 and section 2 of the paper).
/// </summary>
[KdLoss(
    "kd",
    Description = "Distillation of softened outputs, per sample, pixel or token",
    Paper = "Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015"
)]
public sealed class KdLoss : DistillationLoss<KdOptions>
{
    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: teacher and student have different numbers of classes.</exception>
    public override void Bind(LossBinding binding) => Asker.RequireSameClasses(binding);

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0303</c>: the logits differ in shape or are of a single class, or the mask is of another shape.
    /// </exception>
    public override Tensor Compute(ILossContext context)
    {
        var (student, teacher) = (context.Student.Logits, context.Teacher.Logits);
        Asker.RequireClasses(student);
        var mean = Logits.Mean(Asker, KdMath.KlDivergences(student, teacher, Options.Temperature), context);
        return Options.Scaled ? mean : mean.div(Options.Temperature * Options.Temperature);
    }
}
