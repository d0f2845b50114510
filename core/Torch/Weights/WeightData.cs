namespace KdPlugins.Torch.Weights;

/// <summary>One tensor to write: its description, and a function that gives its bytes when their turn comes.</summary>
/// <param name="Name">The name; any text but <c>__metadata__</c>.</param>
/// <param name="DType">The element type.</param>
/// <param name="Shape">The dimensions, outermost first; empty for a scalar.</param>
/// <param name="Write">Writes the little-endian, row-major bytes: exactly as many as shape and dtype say.</param>
public sealed record WeightData(string Name, WeightDType DType, IReadOnlyList<long> Shape, Action<Stream> Write)
{
    /// <summary>A tensor whose bytes are at hand.</summary>
    public WeightData(string name, WeightDType dtype, IReadOnlyList<long> shape, ReadOnlyMemory<byte> bytes)
        : this(name, dtype, shape, stream => stream.Write(bytes.Span)) { }
}
