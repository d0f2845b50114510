using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Icda;

/// <summary>
/// Contrast plus alpha times invariance of the embeddings of teacher and student, each behind a linear head that learns
/// with the student. Negatives are the other samples of the batch. Reads embeddings only: any kind of data.
/// </summary>
[KdLoss(
    "icd",
    Description = "Contrast of both networks' embeddings plus an invariance penalty, with learnt heads and scale",
    Paper = "Giakoumoglou, Stathaki: Invariant Causal Knowledge Distillation in Neural Networks, arXiv 2407.11802, 2024"
)]
public sealed class IcdLoss : DistillationLoss<IcdOptions>
{
    private IcdHeads? _heads;

    /// <inheritdoc/>
    public override nn.Module? Module => _heads;

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0301</c>: a role is missing; <c>KDP0303</c>: a network has no embedding.
    /// </exception>
    public override void Bind(LossBinding binding) =>
        _heads = new(
            Asker.RequireEmbedding(binding.Shape(Options.Student), Options.Student),
            Asker.RequireEmbedding(binding.Shape(Options.Teacher), Options.Teacher),
            Options.Dimension,
            Options.InitialLogScale
        );

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0303</c>: the embeddings are of different samples in number, or of a single one; <c>KDP0307</c>: it was not
    /// bound.
    /// </exception>
    public override Tensor Compute(ILossContext context)
    {
        var heads = Asker.Bound(_heads);
        // The teacher's head learns, the teacher does not.
        var (student, teacher) = Asker.RequireEmbeddings(context, Options.Student, Options.Teacher);
        var similarities = heads.call(student, teacher, Options.MaxScale);
        var contrast = IcdMath.Contrast(similarities);
        var invariance = IcdMath.Invariance(similarities);
        context.Report("contrast", contrast);
        context.Report("invariance", invariance);
        // ICD = contrast + alpha invar
        return contrast.add(invariance.mul(Options.Alpha));
    }
}
