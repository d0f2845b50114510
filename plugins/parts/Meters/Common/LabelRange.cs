using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Meters;

/// <summary>
/// The least and the greatest label seen, kept on the device: a label that is no class is found without waiting for every
/// batch, and reaches no kernel that an index out of bounds would end.
/// </summary>
internal sealed class LabelRange(Asker meter, long classes, Device device) : IDisposable
{
    private readonly Tensor _least = zeros([], ScalarType.Int64, device);
    private readonly Tensor _most = zeros([], ScalarType.Int64, device);

    /// <summary>Notes labels, and gives them with those that are no class replaced by one.</summary>
    /// <param name="labels">int64 of any shape.</param>
    /// <param name="counted">bool of that shape, false for labels that need be no class; null where all count.</param>
    internal Tensor Take(Tensor labels, Tensor? counted = null)
    {
        if (labels.NumberOfElements == 0)
            return labels;
        var noted = counted is null ? labels : labels.where(counted, zeros_like(labels));
        _least.copy_(minimum(_least, noted.min()));
        _most.copy_(maximum(_most, noted.max()));
        return labels.clamp(0, classes - 1);
    }

    /// <summary>Says that a label was no class.</summary>
    /// <exception cref="KdException"><c>KDP0375</c>: one was.</exception>
    internal void Require()
    {
        var (least, most) = (_least.item<long>(), _most.item<long>());
        if (least < 0 || most >= classes)
            throw meter.Refusal(
                CoreErrors.NoClass,
                $"met the label {(least < 0 ? least : most)}; the network's {classes} classes are 0 to {classes - 1}."
            );
    }

    public void Dispose()
    {
        _least.Dispose();
        _most.Dispose();
    }
}
