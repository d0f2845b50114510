using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Losses;

/// <summary>What losses share that compare how the samples of a batch lie to each other in the pooled embeddings.</summary>
/// <typeparam name="TOptions">The loss's options.</typeparam>
public abstract class EmbeddingLoss<TOptions> : DistillationLoss<TOptions>
    where TOptions : PairOptions, new()
{
    private protected abstract string Id { get; }

    /// <summary>The fewest samples of which something can be compared.</summary>
    private protected virtual long Fewest => 2;

    /// <summary>A scalar with graph to the student's embeddings; [B, D] and [B, D'], in float32 at least.</summary>
    private protected abstract Tensor Compare(Tensor student, Tensor teacher, ILossContext context);

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0301</c>: a role is missing; <c>KDP0303</c>: a network has no embedding.
    /// </exception>
    public sealed override void Bind(LossBinding binding)
    {
        foreach (var role in (string[])[Options.Student, Options.Teacher])
            if (binding.Shape(role).Embedding < 1)
                throw new KdException(
                    CoreErrors.ShapesDiffer,
                    $"Loss '{Id}' compares embeddings, and the network of '{role}' has none.",
                    "Take a network with a pooled embedding before its last layer for this role."
                );
    }

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0303</c>: the embeddings are no rows, are of different samples in number, or too few.
    /// </exception>
    public sealed override Tensor Compute(ILossContext context)
    {
        var (student, teacher) = (context.Student.Embedding, context.Teacher.Embedding);
        if (student?.dim() != 2 || teacher?.dim() != 2 || student.shape[0] != teacher.shape[0])
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Loss '{Id}' needs embeddings [samples, features] of the same samples, got "
                    + $"{Text(student)} of '{Options.Student}' and {Text(teacher)} of '{Options.Teacher}'."
            );
        LossChecks.RequireSamples(Id, student, Fewest);
        return Compare(Logits.Wide(student), Logits.Wide(teacher).detach(), context);
    }

    private static string Text(Tensor? embedding) => embedding is null ? "none" : TensorText.Shape(embedding.shape);
}
