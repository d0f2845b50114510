using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Datasets;

/// <summary>Images in folders that are named by their classes.</summary>
[KdDataset("image-folder", Description = "One folder of JPEG, PNG, WebP, GIF or BMP files per class")]
public sealed class ImageFolderPlugin : DatasetPlugin<ImageFolderOptions>, IRecognisesData
{
    /// <inheritdoc/>
    public override IDataset Open(string baseFolder) =>
        new ImageFolders([.. Options.Path.Select(path => DataFile.Folder(baseFolder, path))], Options).Open();

    /// <inheritdoc/>
    public JsonObject? Recognise(string path) =>
        Directory.Exists(path) && FolderScan.Folders(path).Any(f => FolderScan.Images(Path.Combine(path, f)).Count > 0)
            ? Recognition.Sized(
                new() { ["path"] = path },
                () => new ImageFolders([path], new() { Path = [path], Size = [32] }).Open()
            )
            : null;
}
