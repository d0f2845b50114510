using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>MNIST and everything in its format, held in memory.</summary>
[KdDataset(
    "mnist",
    Description = "MNIST, Fashion-MNIST, EMNIST: pairs of idx files, plain or gzip",
    Paper = "LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition, 1998"
)]
public sealed class MnistPlugin : DatasetPlugin<MnistOptions>, IRecognisesData
{
    /// <inheritdoc/>
    public override IDataset Open(string baseFolder) =>
        new MnistDataset(DataFile.Folder(baseFolder, Options.Path), Options.Classes);

    /// <inheritdoc/>
    public JsonObject? Recognise(string path)
    {
        var labels = Path.Combine(path, "train-labels-idx1-ubyte");
        if (!File.Exists(labels) && !File.Exists($"{labels}.gz"))
            return null;
        var options = new JsonObject { ["path"] = path };
        try
        {
            var classes = IdxFile.Read(labels, 1).Values.Aggregate(0, (most, label) => Math.Max(most, label + 1));
            if (classes > new MnistOptions().Classes)
                options["classes"] = classes;
        }
        catch (KdException)
        {
            // Whoever opens the data is told what is wrong with them.
        }
        return options;
    }
}
