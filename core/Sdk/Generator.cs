using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Sdk;

/// <summary>The base of generators: something that makes training data.</summary>
/// <typeparam name="TOptions">See <see cref="Plugin{TOptions}"/>.</typeparam>
public abstract class Generator<TOptions> : Plugin<TOptions>, IGenerator
    where TOptions : class, new()
{
    /// <inheritdoc/>
    public abstract void Bind(GeneratorBinding binding);

    /// <inheritdoc/>
    public virtual nn.Module? Module => null;

    /// <inheritdoc/>
    public abstract Batch Sample(long count, Tensor? labels, IPartContext context);
}
