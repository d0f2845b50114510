using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Datasets;

/// <summary>CIFAR-10 and CIFAR-100 in their binary version, held in memory.</summary>
[KdDataset(
    "cifar",
    Description = "CIFAR-10 and CIFAR-100, binary version",
    Paper = "Krizhevsky: Learning Multiple Layers of Features from Tiny Images, 2009"
)]
public sealed class CifarPlugin : DatasetPlugin<CifarOptions>
{
    /// <inheritdoc/>
    public override IDataset Open(string baseFolder) =>
        new CifarDataset(DataFile.Folder(baseFolder, Options.Path), CifarFormat.Of(Options));
}
