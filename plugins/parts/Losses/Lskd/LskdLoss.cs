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
    // What the published code adds to the deviation.
    private const double Epsilon = 1e-7;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: teacher and student have different numbers of classes.</exception>
    public override void Bind(LossBinding binding) => Asker.RequireSameClasses(binding);

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: the logits differ in shape, or have a single class; the mask is of another
    /// shape.</exception>
    public override Tensor Compute(ILossContext context)
    {
        var (student, teacher) = Asker.RequireLogits(context);
        var along = KdMath.ClassDimension(student);
        var each = KdMath.KlDivergences(
            Standardised(student, along),
            Standardised(teacher, along),
            Options.Temperature
        );
        return Logits.Mean(Asker, each, context);
    }

    private Tensor Standardised(Tensor logits, long along)
    {
        var wide = Logits.Wide(logits);
        var centred = wide.sub(wide.mean([along], keepdim: true));
        var deviation =
            Options.Smoothing > 0
                ? Lengths.Smooth(wide.var([along], unbiased: true, keepdim: true), Options.Smoothing)
                : wide.std([along], unbiased: true, keepdim: true).add(Epsilon);
        return centred.div(deviation);
    }
}
