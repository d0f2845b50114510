namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>Gathers a strided view into row-major order.</summary>
internal static class StridedCopy
{
    private const long WindowLimit = int.MaxValue;

    /// <summary>Fills <paramref name="destination"/> with the row-major bytes from <paramref name="start"/> on.</summary>
    public static void Gather(StorageTable storages, TensorRef tensor, long start, Span<byte> destination)
    {
        int size = tensor.Storage.DType.BitSize() / 8;
        int rank = tensor.Shape.Length;
        Span<long> index = stackalloc long[rank];
        long element = Locate(tensor, start / size, index);
        // One span over the whole storage where it fits, element by element where it does not.
        bool whole = tensor.Storage.ByteLength <= WindowLimit;
        ReadOnlySpan<byte> all = whole ? storages.Span(tensor.Storage, 0, (int)tensor.Storage.ByteLength) : [];
        for (int at = 0; at < destination.Length; at += size)
        {
            ReadOnlySpan<byte> source = whole
                ? all.Slice((int)(element * size), size)
                : storages.Span(tensor.Storage, element * size, size);
            source.CopyTo(destination[at..]);
            element = Step(tensor, index, element);
        }
    }

    /// <summary>The storage element of a row-major position; sets the index along each dimension.</summary>
    private static long Locate(TensorRef tensor, long position, Span<long> index)
    {
        long element = tensor.Offset;
        for (int d = tensor.Shape.Length - 1; d >= 0; d--)
        {
            index[d] = position % tensor.Shape[d];
            position /= tensor.Shape[d];
            element += index[d] * tensor.Strides[d];
        }
        return element;
    }

    private static long Step(TensorRef tensor, Span<long> index, long element)
    {
        for (int d = tensor.Shape.Length - 1; d >= 0; d--)
        {
            element += tensor.Strides[d];
            if (++index[d] < tensor.Shape[d])
            {
                return element;
            }
            element -= tensor.Strides[d] * index[d];
            index[d] = 0;
        }
        return element;
    }
}
