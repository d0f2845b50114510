using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Datasets;

/// <summary>Image files with labels that a list names.</summary>
[KdDataset("image-list", Description = "Image files and labels from CSV, TSV or JSON-lines lists")]
public sealed class ImageListPlugin : DatasetPlugin<ImageListOptions>
{
    /// <inheritdoc/>
    public override IDataset Open(string baseFolder) => new ImageLists(Options, baseFolder).Open();
}
