using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.Datasets;

/// <summary>The samples of a distilled set.</summary>
internal sealed class DistilledSource(DistilledSet set, TargetKind target) : ILabelledSource
{
    private readonly long[] _labels = set.Labels is { } labels ? labels.data<long>().ToArray() : [];

    public long Count => set.Card.Count;

    public long ClassOf(long index) => _labels.Length > 0 ? _labels[index] : 0;

    public Batch Read(ReadOnlyMemory<long> indices)
    {
        DataChecks.RequireNumbers(indices.Span, Count, $"split 'train' of the distilled set '{set.Card.Name}'");
        var rows = SampleRead.Numbers(indices.Span);
        Target picked = target switch
        {
            TargetKind.ClassIndex => new ClassIndexTarget(set.Labels.index_select(0, rows)),
            TargetKind.Soft => new SoftTarget(set.Soft.index_select(0, rows)),
            _ => new NoTarget(indices.Length),
        };
        return new Batch(set.Images.index_select(0, rows), picked, rows);
    }
}
