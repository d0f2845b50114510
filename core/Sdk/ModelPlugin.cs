using KdPlugins.Core;

namespace KdPlugins.Sdk;

/// <summary>The base of model plugins: makes networks of one architecture.</summary>
/// <typeparam name="TOptions">See <see cref="Plugin{TOptions}"/>.</typeparam>
public abstract class ModelPlugin<TOptions> : Plugin<TOptions>, IModelPlugin
    where TOptions : class, new()
{
    /// <inheritdoc/>
    public abstract INetwork Create(ModelRequest request);
}
