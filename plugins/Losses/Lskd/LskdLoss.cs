using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Losses;

/// <summary>
/// t^2 KL(softmax(Z(z_T) / t) || softmax(Z(z_S) / t)) with Z(z) = (z - mean) / deviation over the classes of each
/// position, so that the student need not match the size of the teacher's logits (algorithm 1 of the paper).
/// </summary>
[KdLoss(
    "lskd",
    Description = "Distillation of softened outputs whose logits are standardised first",
    Paper = "Sun, Ren, Li, Wang, Cao: Logit Standardization in Knowledge Distillation, CVPR 2024"
)]
public sealed class LskdLoss : DistillationLoss<LskdOptions>
{
    private const string Id = "lskd";

    // What the published code adds to the deviation.
    private const double Epsilon = 1e-7;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: teacher and student have different numbers of classes.</exception>
    public override void Bind(LossBinding binding) => Logits.RequireSameClasses(Id, binding);

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: the logits differ in shape, or have a single class.</exception>
    public override Tensor Compute(ILossContext context)
    {
        var (student, teacher) = (context.Student.Logits, context.Teacher.Logits);
        var along = KdMath.ClassDimension(student);
        if (student.shape[along] < 2 || !student.shape.AsSpan().SequenceEqual(teacher.shape))
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Loss '{Id}' needs logits of one shape with two classes at least: the student's are "
                    + $"{TensorText.Shape(student.shape)}, the teacher's {TensorText.Shape(teacher.shape)}."
            );
        var each = KdMath.KlDivergences(
            Standardised(student, along),
            Standardised(teacher.detach(), along),
            Options.Temperature
        );
        return Logits.Mean(each, context);
    }

    private static Tensor Standardised(Tensor logits, long along)
    {
        var wide = Logits.Wide(logits);
        var deviation = wide.std([along], unbiased: true, keepdim: true);
        return wide.sub(wide.mean([along], keepdim: true)).div(deviation.add(Epsilon));
    }
}
