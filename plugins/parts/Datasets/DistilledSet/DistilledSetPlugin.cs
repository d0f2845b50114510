using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Datasets;

/// <summary>A data set that a method has distilled, held in memory. It has the split <c>train</c>.</summary>
[KdDataset("distilled-set", Description = "A data set that a run has distilled, from its outputs folder")]
public sealed class DistilledSetPlugin : DatasetPlugin<DistilledSetOptions>
{
    /// <inheritdoc/>
    /// <exception cref="KdPlugins.Torch.KdException">
    /// <c>KDP0401</c> to <c>KDP0412</c>, <c>KDP051x</c>: see <see cref="DistilledSet.Open"/>; <c>KDP0304</c>: the set has
    /// no targets of the kind that the options ask for.
    /// </exception>
    public override IDataset Open(string baseFolder) =>
        new DistilledSetDataset(
            DistilledSet.Open(DataFile.Folder(baseFolder, Options.Path), (long)Options.MaxMegabytes << 20),
            Options.Target
        );
}
