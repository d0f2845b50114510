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
            Asker.RequireEmbedding(binding.Shape(role), role);
    }

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0303</c>: the embeddings are no rows, are of different samples in number, or too few.
    /// </exception>
    public sealed override Tensor Compute(ILossContext context)
    {
        var (student, teacher) = Asker.RequireEmbeddings(context, Options.Student, Options.Teacher, Fewest);
        return Compare(Logits.Wide(student), Logits.Wide(teacher), context);
    }
}
