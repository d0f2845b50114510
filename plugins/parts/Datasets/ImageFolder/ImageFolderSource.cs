using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.Datasets;

/// <summary>The files of a split, decoded on demand and kept where the options allow it.</summary>
internal sealed class ImageFolderSource(
    List<(string Path, long Label)> files,
    long[] shape,
    ImageDecoder decoder,
    ImageFolderOptions options,
    string where
) : ILabelledSource
{
    // Filled by whoever comes first; two readers of one image write the same bytes.
    private readonly byte[]?[]? _kept =
        shape[0] * shape[1] * shape[2] * files.Count <= options.CacheMegabytes * 1_000_000L
            ? new byte[]?[files.Count]
            : null;

    public long Count => files.Count;

    public long ClassOf(long index) => files[(int)index].Label;

    internal IEnumerable<string> Files => files.Select(f => f.Path);

    public Batch Read(ReadOnlyMemory<long> indices)
    {
        DataChecks.RequireNumbers(indices.Span, Count, where);
        var images = SampleRead.Images(indices.Span, shape[0], shape[1], shape[2], Load);
        var labels = new long[indices.Length];
        for (var i = 0; i < labels.Length; i++)
            labels[i] = files[(int)indices.Span[i]].Label;
        return new Batch(
            images,
            new ClassIndexTarget(tensor(labels, ScalarType.Int64)),
            SampleRead.Numbers(indices.Span)
        );
    }

    internal void Load(long index, Span<byte> planes)
    {
        if (_kept is null)
        {
            Decode(index, planes);
            return;
        }
        ref var slot = ref _kept[index];
        var bytes = Volatile.Read(ref slot);
        if (bytes is null)
        {
            bytes = new byte[planes.Length];
            Decode(index, bytes);
            Volatile.Write(ref slot, bytes);
        }
        bytes.CopyTo(planes);
    }

    private void Decode(long index, Span<byte> planes) =>
        decoder.Decode(files[(int)index].Path, (int)shape[1], (int)shape[2], planes);
}
