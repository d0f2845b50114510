using KdPlugins.Core;
using KdPlugins.Sdk;

namespace Plugin._1;

/// <summary>Grey stripes in four directions, with a width, a phase and noise of their own; the class is the direction.</summary>
[KdDataset("plugin-id-1", Version = "1.0.0", Description = "Stripes in four directions, drawn as they are read")]
public sealed class KdClassDataset : DatasetPlugin<KdClassOptions>
{
    /// <inheritdoc/>
    public override IDataset Open(string baseFolder) => new Stripes(Options);
}
