using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.DataFree.Tests;

/// <summary>Options of <see cref="OtherImages"/>.</summary>
public sealed record OtherImagesOptions
{
    /// <summary>Whether the training images are negatives.</summary>
    public bool Negative { get; init; }
}

/// <summary>Shapes that say the same of themselves whatever their training images are.</summary>
[KdDataset("other-images")]
public sealed class OtherImages : DatasetPlugin<OtherImagesOptions>
{
    public override IDataset Open(string baseFolder)
    {
        IPlugin shapes = new ShapesPlugin();
        shapes.Configure(
            new ShapesOptions
            {
                Size = [8],
                Classes = 4,
                Train = 48,
                Test = 16,
            }
        );
        return new Images(((ShapesPlugin)shapes).Open(baseFolder), Options.Negative);
    }

    private sealed class Images(IDataset inner, bool negative) : IDataset
    {
        public DataInfo Info => inner.Info;
        public IReadOnlyCollection<string> Splits => inner.Splits;
        public string Fingerprint => $"{inner.Fingerprint} {negative}";

        public IDataSource Open(string split) => new Source(inner.Open(split), negative && split == "train");

        public void Dispose() => inner.Dispose();
    }

    private sealed class Source(IDataSource inner, bool negative) : IDataSource
    {
        public long Count => inner.Count;

        public Batch Read(ReadOnlyMemory<long> indices)
        {
            var batch = inner.Read(indices);
            return negative ? batch.WithInput(batch.Input.bitwise_not()) : batch;
        }
    }
}
