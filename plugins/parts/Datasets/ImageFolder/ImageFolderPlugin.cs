using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Datasets;

/// <summary>Images in folders that are named by their classes.</summary>
[KdDataset("image-folder", Description = "One folder of JPEG, PNG, WebP, GIF or BMP files per class")]
public sealed class ImageFolderPlugin : DatasetPlugin<ImageFolderOptions>
{
    /// <inheritdoc/>
    public override IDataset Open(string baseFolder) =>
        new ImageFolders([.. Options.Path.Select(path => DataFile.Folder(baseFolder, path))], Options).Open();
}
