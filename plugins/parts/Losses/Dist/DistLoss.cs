using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Losses;

/// <summary>
/// t^2 (inter (1 - mean_n rho_n) + intra (1 - mean_c rho_c)): Pearson's correlation of both networks' probabilities,
/// between the classes of each sample and between the samples of each class (the paper's L_inter and L_intra).
/// </summary>
[KdLoss(
    "dist",
    Description = "Correlation of probabilities between classes and between samples",
    Paper = "Huang, You, Wang, Qian, Xu: Knowledge Distillation from A Stronger Teacher, NeurIPS 2022"
)]
public sealed class DistLoss : DistillationLoss<DistOptions>
{
    // What the published code adds to the product of the norms.
    private const double Epsilon = 1e-8;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: teacher and student have different numbers of classes.</exception>
    public override void Bind(LossBinding binding) => Asker.RequireSameClasses(binding);

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0303</c>: the logits differ in shape, or are not <c>[batch, classes]</c> of two classes at least; a batch of one
    /// sample where <see cref="DistOptions.Intra"/> counts.
    /// </exception>
    public override Tensor Compute(ILossContext context)
    {
        var (student, teacher) = Logits.Rows(Asker, context);
        if (Options.Intra > 0)
            Asker.RequireSamples(student);
        var q = KdMath.LogProbabilities(student, Options.Temperature).exp();
        var p = KdMath.LogProbabilities(teacher, Options.Temperature).exp();
        var squared = Options.Temperature * Options.Temperature;
        var (inter, intra) = (Distance(q, p, 1).mul(squared), Distance(q, p, 0).mul(squared));
        context.Report("inter", inter);
        context.Report("intra", intra);
        return inter.mul(Options.Inter).add(intra.mul(Options.Intra));
    }

    // 1 - the mean correlation along a dimension
    private Tensor Distance(Tensor first, Tensor second, int dimension)
    {
        var (a, b) = (Centred(first, dimension), Centred(second, dimension));
        var norms =
            Options.Smoothing > 0
                ? Smooth(a, dimension).mul(Smooth(b, dimension))
                : a.norm(dimension, keepdim: false, p: 2f).mul(b.norm(dimension, keepdim: false, p: 2f)).add(Epsilon);
        return a.mul(b).sum(dimension).div(norms).mean().neg().add(1);
    }

    private Tensor Smooth(Tensor centred, int dimension) =>
        Lengths.Smooth(centred.square().sum(dimension), Options.Smoothing);

    private static Tensor Centred(Tensor values, int dimension) => values.sub(values.mean([dimension], keepdim: true));
}
