using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Datasets;

/// <summary>CIFAR-10 and CIFAR-100 in their binary version, held in memory.</summary>
[KdDataset(
    "cifar",
    Description = "CIFAR-10 and CIFAR-100, binary version",
    Paper = "Krizhevsky: Learning Multiple Layers of Features from Tiny Images, 2009"
)]
public sealed class CifarPlugin : DatasetPlugin<CifarOptions>, IRecognisesData
{
    /// <inheritdoc/>
    public override IDataset Open(string baseFolder) =>
        new CifarDataset(DataFile.Folder(baseFolder, Options.Path), CifarFormat.Of(Options));

    /// <inheritdoc/>
    public JsonObject? Recognise(string path) =>
        Holds(path, new()) ? new() { ["path"] = path }
        : Holds(path, new() { Classes = 100 }) ? new() { ["path"] = path, ["classes"] = 100 }
        : null;

    private static bool Holds(string folder, CifarOptions options)
    {
        var format = CifarFormat.Of(options);
        return ((string[])["", format.ArchiveFolder]).Any(f => File.Exists(Path.Combine(folder, f, format.Train[0])));
    }
}
