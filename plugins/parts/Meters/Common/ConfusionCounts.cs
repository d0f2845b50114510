using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Meters;

/// <summary>Counts of (true class, predicted class), kept on the device until they are read.</summary>
internal sealed class ConfusionCounts(long classes, Device device) : IDisposable
{
    // Row by row; the last one takes what does not count.
    private readonly Tensor _counts = zeros([classes * classes + 1], ScalarType.Int64, device);

    /// <summary>Adds pairs.</summary>
    /// <param name="truth">int64 of any shape, 0 to classes - 1.</param>
    /// <param name="predicted">int64 of that shape, 0 to classes - 1.</param>
    /// <param name="counted">bool of that shape; null where all count.</param>
    internal void Add(Tensor truth, Tensor predicted, Tensor? counted = null)
    {
        var joint = truth * classes + predicted;
        if (counted is not null)
            joint = joint.where(counted, full_like(joint, classes * classes));
        // Whole numbers: the same sums in any order, which a histogram on a GPU does not promise of others.
        var flat = joint.flatten();
        _counts.scatter_add_(0, flat, ones_like(flat));
    }

    /// <summary>The counts so far.</summary>
    internal ClassTable Read()
    {
        var flat = _counts.cpu().data<long>().ToArray();
        return new([.. Enumerable.Range(0, (int)classes).Select(c => Row(flat, c))]);
    }

    private long[] Row(long[] flat, int truth) => flat.AsSpan(truth * (int)classes, (int)classes).ToArray();

    public void Dispose() => _counts.Dispose();
}
