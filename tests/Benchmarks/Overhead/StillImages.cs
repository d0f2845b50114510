using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.Benchmarks.Overhead;

/// <summary>Random images of CIFAR's shape that lie in memory: nothing to decode, so that only the engine counts.</summary>
[KdDataset("still-images", Description = "random images in memory")]
public sealed class StillImages : DatasetPlugin<NoOptions>
{
    /// <summary>The number of classes, as in the bare step.</summary>
    internal const long Classes = 100;

    /// <inheritdoc/>
    public override IDataset Open(string baseFolder) => new Images();

    private sealed class Images : IDataset, IDataSource
    {
        private readonly Tensor _images = rand(6400, 3, 32, 32);
        private readonly Tensor _labels = randint(0, Classes, 6400);

        public DataInfo Info { get; } =
            new(InputKind.Image, [3, 32, 32], TargetKind.ClassIndex, Classes, [], [], [], []);

        public IReadOnlyCollection<string> Splits => ["train"];

        public string Fingerprint => "still-images";

        public long Count => _labels.shape[0];

        public IDataSource Open(string split) => this;

        public Batch Read(ReadOnlyMemory<long> indices)
        {
            var rows = tensor(indices.ToArray(), ScalarType.Int64);
            return new Batch(_images.index_select(0, rows), new ClassIndexTarget(_labels.index_select(0, rows)), rows);
        }

        public void Dispose()
        {
            _images.Dispose();
            _labels.Dispose();
        }
    }
}
