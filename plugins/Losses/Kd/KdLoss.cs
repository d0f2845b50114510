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
    public override void Bind(LossBinding binding)
    {
        if (!binding.Roles.Contains(Roles.Teacher) || !binding.Roles.Contains(Roles.Student))
            return;
        var (teacher, student) = (binding.Shape(Roles.Teacher).Classes, binding.Shape(Roles.Student).Classes);
        if (teacher != student)
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Loss 'kd' got a teacher with {teacher} classes and a student with {student}: class counts must match."
            );
    }

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: the logits differ in shape.</exception>
    public override Tensor Compute(ILossContext context)
    {
        var (student, teacher) = (context.Student.Logits, context.Teacher.Logits);
        var mask = context.Batch.Mask;
        var each = KdMath.KlDivergences(student, teacher, Options.Temperature);
        var mean =
            student.dim() != 3 || mask is null
                ? each.mean()
                : each.masked_fill(mask.logical_not(), 0).sum().div(mask.sum().clamp_min(1));
        return Options.Scaled ? mean : mean.div(Options.Temperature * Options.Temperature);
    }
}
