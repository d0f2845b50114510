namespace KdPlugins.Datasets;

/// <summary>Mean and deviation of each channel over images of bytes, as values in [0, 1].</summary>
/// <param name="channels">Channels of an image.</param>
/// <param name="area">Pixels of one.</param>
internal sealed class ChannelStatistics(int channels, int area)
{
    private readonly double[] _sums = new double[channels];
    private readonly double[] _squares = new double[channels];
    private long _images;

    /// <param name="planes">The channels one after the other, <c>area</c> bytes each.</param>
    public void Add(ReadOnlySpan<byte> planes)
    {
        for (var p = 0; p < planes.Length; p++)
        {
            var value = planes[p] / 255.0;
            _sums[p / area] += value;
            _squares[p / area] += value * value;
        }
        _images++;
    }

    public (double[] Mean, double[] Std) Read()
    {
        var n = (double)_images * area;
        var mean = _sums.Select(s => s / n).ToArray();
        return (mean, _squares.Select((s, c) => Math.Sqrt(Math.Max(1e-12, s / n - mean[c] * mean[c]))).ToArray());
    }
}
