using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Datasets;

/// <summary>What every source does when samples are asked for by number.</summary>
internal static class SampleRead
{
    /// <summary>The numbers as the int64 tensor that a batch carries.</summary>
    public static Tensor Numbers(ReadOnlySpan<long> indices) => tensor(indices.ToArray(), ScalarType.Int64);

    /// <summary>
    /// A uint8 tensor <c>[count, channels, height, width]</c> whose samples are written one after another, straight
    /// into its memory.
    /// </summary>
    public static Tensor Images(ReadOnlySpan<long> indices, long channels, long height, long width, WriteSample write)
    {
        var images = empty(indices.Length, channels, height, width, dtype: ScalarType.Byte);
        var size = checked((int)(channels * height * width));
        try
        {
            for (var i = 0; i < indices.Length; i++)
                write(indices[i], images.bytes.Slice(checked(i * size), size));
            return images;
        }
        catch
        {
            images.Dispose();
            throw;
        }
    }
}

/// <summary>Writes the planes of one sample.</summary>
internal delegate void WriteSample(long index, Span<byte> planes);
