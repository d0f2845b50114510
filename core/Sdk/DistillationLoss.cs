using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Sdk;

/// <summary>The base of losses: outputs in, scalar out.</summary>
/// <typeparam name="TOptions">See <see cref="Plugin{TOptions}"/>.</typeparam>
public abstract class DistillationLoss<TOptions> : Plugin<TOptions>, IDistillationLoss
    where TOptions : class, new()
{
    /// <inheritdoc/>
    public virtual IReadOnlyCollection<string> Taps(string role, NetworkShape shape) => [];

    /// <inheritdoc/>
    public virtual bool NeedsTeacher => true;

    /// <inheritdoc/>
    public virtual void Bind(LossBinding binding) { }

    /// <inheritdoc/>
    public virtual nn.Module? Module => null;

    /// <inheritdoc/>
    public abstract Tensor Compute(ILossContext context);
}
