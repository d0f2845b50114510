using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.Datasets;

/// <summary>The images of a split, decoded on demand and kept where the options allow it.</summary>
internal sealed class ImageSource(
    ImageSplit split,
    long[] shape,
    ImageDecoder decoder,
    long cacheMegabytes,
    string where
) : ILabelledSource
{
    // Filled by whoever comes first; two readers of one image write the same bytes.
    private readonly byte[]?[]? _kept =
        shape[0] * shape[1] * shape[2] * split.Count <= cacheMegabytes * 1_000_000L ? new byte[]?[split.Count] : null;

    public long Count => split.Count;

    public long ClassOf(long index) => split.LabelOf(index);

    public Batch Read(ReadOnlyMemory<long> indices)
    {
        DataChecks.RequireNumbers(indices.Span, Count, where);
        var images = SampleRead.Images(indices.Span, shape[0], shape[1], shape[2], Load);
        var labels = new long[indices.Length];
        for (var i = 0; i < labels.Length; i++)
            labels[i] = split.LabelOf(indices.Span[i]);
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
        decoder.Decode(split.Store, split.PlaceOf(index), (int)shape[1], (int)shape[2], planes);
}
