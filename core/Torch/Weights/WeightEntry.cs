namespace KdPlugins.Torch.Weights;

/// <summary>One tensor of a weight file, without its data.</summary>
/// <param name="Name">The name in the file.</param>
/// <param name="DType">The element type.</param>
/// <param name="Shape">The dimensions, outermost first; empty for a scalar. At most 64, each from 0.</param>
/// <param name="ByteLength">Bytes of the tensor in row-major order.</param>
/// <param name="Start">
/// Offset of the first byte in the file, or -1 where the tensor is not one plain run of bytes of the opened file (a
/// strided view, a compressed entry, another shard).
/// </param>
public sealed record WeightEntry(
    string Name,
    WeightDType DType,
    IReadOnlyList<long> Shape,
    long ByteLength,
    long Start
);
