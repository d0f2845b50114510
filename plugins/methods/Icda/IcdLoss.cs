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
            Width(binding, Options.Student),
            Width(binding, Options.Teacher),
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
        var heads =
            _heads ?? throw new KdException(CoreErrors.NotConfigured, "Loss 'icd' was computed before it was bound.");
        var student = context.Student.Embedding;
        // The teacher's head learns, the teacher does not.
        var teacher = context.Teacher.Embedding?.detach();
        Require(student, Options.Student);
        Require(teacher, Options.Teacher);
        if (student.shape[0] != teacher!.shape[0])
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Loss 'icd' compares samples one by one, got embeddings {TensorText.Shape(student.shape)} of "
                    + $"'{Options.Student}' and {TensorText.Shape(teacher.shape)} of '{Options.Teacher}'."
            );
        LossChecks.RequireSamples("icd", student);
        var similarities = heads.call(student, teacher, Options.MaxScale);
        var contrast = IcdMath.Contrast(similarities);
        var invariance = IcdMath.Invariance(similarities);
        context.Report("contrast", contrast);
        context.Report("invariance", invariance);
        // ICD = contrast + alpha invar
        return contrast.add(invariance.mul(Options.Alpha));
    }

    private static long Width(LossBinding binding, string role) =>
        binding.Shape(role).Embedding is > 0 and var width
            ? width
            : throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Loss 'icd' compares embeddings, and the network of '{role}' has none.",
                "Take a network with a pooled embedding before its last layer for this role."
            );

    private static void Require(Tensor? embedding, string role)
    {
        if (embedding is null || embedding.dim() != 2)
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Loss 'icd' needs an embedding [batch, features] of '{role}', got "
                    + $"{(embedding is null ? "none" : TensorText.Describe(embedding))}."
            );
    }
}
