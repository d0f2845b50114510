using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Datasets;

/// <summary>MNIST and everything in its format, held in memory.</summary>
[KdDataset(
    "mnist",
    Description = "MNIST, Fashion-MNIST, EMNIST: pairs of idx files, plain or gzip",
    Paper = "LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition, 1998"
)]
public sealed class MnistPlugin : DatasetPlugin<MnistOptions>
{
    /// <inheritdoc/>
    public override IDataset Open(string baseFolder) =>
        new MnistDataset(DataFile.Folder(baseFolder, Options.Path), Options.Classes);
}
