using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Meters;

/// <summary>How sure a network is and how often it is right then, in ranges of confidence ((i / n, (i + 1) / n]).</summary>
internal sealed class Calibration(int bins, Device device) : IDisposable
{
    // Confidences are summed as whole numbers of this part, so that no order of samples changes a bit: room for 2^27 samples.
    private const double Part = 1L << 36;

    // Per range: samples, right ones, confidence.
    private readonly Tensor _sums = zeros([3, bins], ScalarType.Int64, device);

    /// <param name="confidence">float [B], the probability of what was said, in (0, 1].</param>
    /// <param name="right">bool [B].</param>
    internal void Add(Tensor confidence, Tensor right)
    {
        var exact = confidence.to_type(ScalarType.Float64);
        var bin = (exact * bins).ceil().sub(1).clamp(0, bins - 1).to_type(ScalarType.Int64).clamp(0, bins - 1);
        var added = stack([
            ones_like(bin),
            right.to_type(ScalarType.Int64),
            (exact * Part).round().to_type(ScalarType.Int64),
        ]);
        _sums.scatter_add_(1, bin.unsqueeze(0).expand_as(added), added);
    }

    internal Reading Read()
    {
        var sums = _sums.cpu().data<long>().ToArray();
        return new([.. Enumerable.Range(0, bins).Select(i => (sums[i], sums[bins + i], sums[2 * bins + i] / Part))]);
    }

    public void Dispose() => _sums.Dispose();

    /// <summary>Per range the samples, the right ones and the sum of their confidences.</summary>
    internal sealed record Reading(IReadOnlyList<(long Samples, long Right, double Confidence)> Bins)
    {
        /// <summary>Σ |right − confidence| / samples over the ranges: equation 3 of Guo et al., 2017.</summary>
        internal double Error =>
            Bins.Sum(b => Math.Abs(b.Right - b.Confidence)) / Math.Max(1, Bins.Sum(b => b.Samples));

        internal CurveDrawing Draw()
        {
            var some = Bins.Where(b => b.Samples > 0).ToList();
            return new(
                "reliability",
                "Reliability",
                "mean confidence",
                "accuracy",
                MeterValue.Share,
                [
                    new(
                        "measured",
                        [.. some.Select(b => b.Confidence / b.Samples)],
                        [.. some.Select(b => (double)b.Right / b.Samples)]
                    ),
                    new("perfectly calibrated", [0, 1], [0, 1]),
                ]
            );
        }
    }
}
