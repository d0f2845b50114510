using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.Datasets;

/// <summary>Images that lie decoded in memory, one after another, with one class each.</summary>
/// <param name="planes">uint8, <c>count x channels x height x width</c> values.</param>
/// <param name="labels">One class per image.</param>
/// <param name="shape">Channels, height, width.</param>
/// <param name="where">For messages, such as <c>split 'train' of data set 'cifar'</c>.</param>
internal sealed class MemorySource(byte[][] planes, long[] labels, long[] shape, string where) : ILabelledSource
{
    public long Count => labels.Length;

    public long ClassOf(long index) => labels[index];

    public Batch Read(ReadOnlyMemory<long> indices)
    {
        DataChecks.RequireNumbers(indices.Span, Count, where);
        var images = SampleRead.Images(indices.Span, shape[0], shape[1], shape[2], (i, into) => planes[i].CopyTo(into));
        var picked = new long[indices.Length];
        for (var i = 0; i < picked.Length; i++)
            picked[i] = labels[indices.Span[i]];
        return new Batch(
            images,
            new ClassIndexTarget(tensor(picked, ScalarType.Int64)),
            SampleRead.Numbers(indices.Span)
        );
    }
}
