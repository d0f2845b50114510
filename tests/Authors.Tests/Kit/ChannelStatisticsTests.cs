using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Authors.Tests.Kit;

/// <summary>Mean and deviation per channel, of bytes and of floats.</summary>
public sealed class ChannelStatisticsTests
{
    // Channel 0: 0 and 1; channel 1: always a half.
    private sealed class Source(ScalarType dtype, long count) : IDataSource
    {
        public List<long> Read { get; } = [];

        public long Count => count;

        Batch IDataSource.Read(ReadOnlyMemory<long> indices)
        {
            Read.AddRange(indices.ToArray());
            var images = full([indices.Length, 2, 3, 3], 0.5);
            for (var i = 0; i < indices.Length; i++)
                images[i, 0] = indices.Span[i] % 2;
            var pixels = dtype == ScalarType.Byte ? (images * 254).to(dtype) : images.to(dtype);
            return new(pixels, new NoTarget(indices.Length), tensor(indices.ToArray()));
        }
    }

    [Fact]
    public void Floats_are_taken_as_they_are()
    {
        var measured = ChannelStatistics.Of(new Source(ScalarType.Float32, 600));
        Assert.Equal([0.5, 0.5], measured.Mean, (a, b) => Math.Abs(a - b) < 1e-12);
        Assert.Equal([0.5, 0], measured.Std, (a, b) => Math.Abs(a - b) < 1e-7);
        Assert.Equal("[0.5000, 0.5000], [0.5000, 0.0000]", measured.ToString());
    }

    [Fact]
    public void Bytes_are_divided_by_255()
    {
        var measured = ChannelStatistics.Of(new Source(ScalarType.Byte, 10));
        Assert.Equal([127 / 255.0, 127 / 255.0], measured.Mean, (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public void Some_samples_are_spread_evenly()
    {
        var source = new Source(ScalarType.Float32, 101);
        ChannelStatistics.Of(source, 5);
        Assert.Equal([0, 25, 50, 75, 100], source.Read);
    }

    [Fact]
    public void What_are_no_images_is_refused()
    {
        using var scope = NewDisposeScope();
        var flat = new Flat();
        Assert.Contains("images [B, C, H, W]", Assert.Throws<KdException>(() => ChannelStatistics.Of(flat)).Message);
    }

    private sealed class Flat : IDataSource
    {
        public long Count => 3;

        public Batch Read(ReadOnlyMemory<long> indices) =>
            new(zeros(indices.Length, 4), new NoTarget(indices.Length), tensor(indices.ToArray()));
    }
}
