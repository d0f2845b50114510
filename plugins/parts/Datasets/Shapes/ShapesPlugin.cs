using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Datasets;

/// <summary>Small images of textured shapes, computed from a seed: for trials, examples and tests without any download.</summary>
[KdDataset(
    "shapes",
    Description = "Procedural images of textured shapes, with class, mask or box targets and a domain shift"
)]
public sealed class ShapesPlugin : DatasetPlugin<ShapesOptions>
{
    /// <inheritdoc/>
    public override IDataset Open(string baseFolder) => new ShapesDataset(Options);
}
