using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Datasets;

/// <summary>Arrays of images and labels in a .npz file, held in memory.</summary>
[KdDataset("npz", Description = "NumPy .npz files of uint8 images and labels, as MedMNIST and Keras have them")]
public sealed class NpzPlugin : DatasetPlugin<NpzOptions>, IRecognisesData
{
    /// <inheritdoc/>
    public override IDataset Open(string baseFolder)
    {
        var path = Path.GetFullPath(Options.Path, Path.GetFullPath(baseFolder.Length == 0 ? "." : baseFolder));
        return new NpzDataset(path, Options);
    }

    /// <inheritdoc/>
    public JsonObject? Recognise(string path) =>
        Recognition.Files(path, deep: false, ".npz") is [var file] ? new() { ["path"] = file } : null;
}
