using KdPlugins.Core;

namespace KdPlugins.Sdk;

/// <summary>The base of data set plugins: opens a source of samples.</summary>
/// <typeparam name="TOptions">See <see cref="Plugin{TOptions}"/>.</typeparam>
public abstract class DatasetPlugin<TOptions> : Plugin<TOptions>, IDatasetPlugin
    where TOptions : class, new()
{
    /// <inheritdoc/>
    public abstract IDataset Open(string baseFolder);
}
