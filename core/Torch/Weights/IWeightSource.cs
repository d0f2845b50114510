namespace KdPlugins.Torch.Weights;

/// <summary>
/// Tensors under names, read from a file as raw bytes: no libtorch is needed. All data is little-endian and row-major,
/// whatever the layout in the file. Safe for several readers at once; not while it is being disposed.
/// </summary>
public interface IWeightSource : IDisposable
{
    /// <summary>Where the tensors come from (a path), for messages.</summary>
    string Origin { get; }

    /// <summary>The tensors by name, in file order.</summary>
    IReadOnlyDictionary<string, WeightEntry> Entries { get; }

    /// <summary>
    /// The bytes of one tensor, without a copy where the file holds them in one run. The span is valid until the
    /// source is disposed.
    /// </summary>
    /// <exception cref="KdException">No such tensor (KDP0502), larger than 2 GiB (KDP0503), damaged data.</exception>
    ReadOnlySpan<byte> Bytes(string name);

    /// <summary>Copies a part of the row-major bytes of one tensor.</summary>
    /// <param name="name">The tensor.</param>
    /// <param name="start">First byte, a multiple of the element size, from 0.</param>
    /// <param name="destination">Takes the bytes; its length is a multiple of the element size.</param>
    /// <exception cref="KdException">No such tensor (KDP0502), a range outside it (KDP0004), damaged data.</exception>
    void CopyTo(string name, long start, Span<byte> destination);
}
