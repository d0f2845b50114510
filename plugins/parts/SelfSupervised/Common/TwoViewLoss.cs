using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.SelfSupervised;

/// <summary>What losses of two views share: a projector on the embedding of the role that learns.</summary>
/// <typeparam name="TOptions">The loss's options.</typeparam>
public abstract class TwoViewLoss<TOptions> : DistillationLoss<TOptions>
    where TOptions : class, new()
{
    private Projector? _projector;

    /// <inheritdoc/>
    public sealed override bool NeedsTeacher => false;

    /// <inheritdoc/>
    public sealed override nn.Module? Module => _projector;

    private protected abstract string Role { get; }

    private protected abstract Projector NewProjector(long embedding);

    private protected abstract Tensor Compare(Tensor first, Tensor second);

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0301</c>: there is no such role; <c>KDP0306</c>: its network has no embedding.
    /// </exception>
    public sealed override void Bind(LossBinding binding)
    {
        _projector = NewProjector(Asker.RequireEmbedding(binding.Shape(Role), Role, CoreErrors.WrongCombination));
    }

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0301</c>: the strategy gives no second view; <c>KDP0303</c>: a view has no embedding, or fewer than two
    /// samples.
    /// </exception>
    public sealed override Tensor Compute(ILossContext context)
    {
        var projector = Asker.Bound(_projector);
        var first = projector.call(Embedding(context.Student, Role));
        var second = projector.call(Embedding(context.Output(Views.Second), Views.Second));
        return Compare(first, second);
    }

    private Tensor Embedding(ModelOutput output, string role)
    {
        if (output.Embedding is not { } embedding || embedding.dim() != 2)
            throw Asker.WrongShape(
                $"needs an embedding [samples, features] of '{role}', got {(output.Embedding is { } other ? TensorText.Describe(other) : "none")}."
            );
        // Before the projector, whose batch norms cannot take a single sample either.
        Asker.RequireSamples(embedding);
        return embedding;
    }
}
