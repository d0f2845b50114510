using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace Plugin._1;

/// <summary>
/// t^2 (1 - rho), the mean over samples, where rho is Pearson's correlation of the student's and the teacher's
/// probabilities at temperature t: the answers have to agree up to scale and shift (the relation between classes in
/// section 4 of the paper).
/// </summary>
[KdLoss(
    "plugin-id-1",
    Version = "1.0.0",
    Description = "One minus the correlation of the student's and the teacher's probabilities",
    Paper = "Huang, You, Wang, Qian, Xu: Knowledge Distillation from A Stronger Teacher, 2022"
)]
public sealed class KdClassLoss : DistillationLoss<KdClassOptions>
{
    // Where all probabilities are equal there is no correlation: it counts as 0.
    private const double Epsilon = 1e-8;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: the logits differ in shape.</exception>
    public override Tensor Compute(ILossContext context)
    {
        var (student, teacher) = (context.Student.Logits, context.Teacher.Logits); // [batch, classes]
        if (!student.shape.SequenceEqual(teacher.shape))
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Loss 'plugin-id-1' got student logits {TensorText.Shape(student.shape)} and teacher logits "
                    + $"{TensorText.Shape(teacher.shape)}."
            );
        var (s, t) = (Centred(student), Centred(teacher));
        var norms = (s.square().sum(1) + Epsilon) * (t.square().sum(1) + Epsilon);
        var correlation = (s * t).sum(1) / norms.sqrt();
        return (1 - correlation).mean() * Options.Temperature * Options.Temperature;
    }

    private Tensor Centred(Tensor logits)
    {
        var probabilities = nn.functional.softmax(logits / Options.Temperature, 1);
        return probabilities - probabilities.mean([1], keepdim: true);
    }
}
