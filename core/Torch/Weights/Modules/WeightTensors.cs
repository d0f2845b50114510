using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Weights;

/// <summary>Between the raw bytes of weight files and TorchSharp tensors.</summary>
public static class WeightTensors
{
    private const int Piece = 1 << 26; // elements; at 8 bytes still far below what a span holds

    /// <summary>The TorchSharp dtype of the same values; null where TorchSharp has none (8-bit floats, unsigned integers above 8 bits).</summary>
    public static ScalarType? ToScalarType(this WeightDType dtype) =>
        dtype switch
        {
            WeightDType.Bool => ScalarType.Bool,
            WeightDType.U8 => ScalarType.Byte,
            WeightDType.I8 => ScalarType.Int8,
            WeightDType.I16 => ScalarType.Int16,
            WeightDType.I32 => ScalarType.Int32,
            WeightDType.I64 => ScalarType.Int64,
            WeightDType.F16 => ScalarType.Float16,
            WeightDType.BF16 => ScalarType.BFloat16,
            WeightDType.F32 => ScalarType.Float32,
            WeightDType.F64 => ScalarType.Float64,
            WeightDType.C64 => ScalarType.ComplexFloat32,
            _ => null,
        };

    /// <summary>The dtype of the format with the same values; null where the format has none.</summary>
    public static WeightDType? ToWeightDType(this ScalarType dtype)
    {
        foreach (WeightDType candidate in WeightDTypes.All)
        {
            if (candidate.ToScalarType() == dtype)
            {
                return candidate;
            }
        }
        return null;
    }

    /// <summary>Copies one tensor of a file into a new row-major tensor.</summary>
    /// <param name="source">The opened file.</param>
    /// <param name="name">The tensor.</param>
    /// <param name="device">Where the result lies; null for the CPU.</param>
    /// <returns>A tensor with the shape and dtype of the file, without gradient. It belongs to the current dispose scope.</returns>
    /// <exception cref="KdException">No such tensor (KDP0502), no such dtype in TorchSharp (KDP0551), bytes other than 0
    /// and 1 in a boolean tensor (KDP0555), damaged data.</exception>
    public static Tensor ToTensor(this IWeightSource source, string name, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (!source.Entries.TryGetValue(name, out WeightEntry? entry))
        {
            throw WeightFault.NotFound(source, name);
        }
        ScalarType dtype =
            entry.DType.ToScalarType()
            ?? throw WeightFault.Of(
                WeightErrors.DTypeUnsupported,
                source.Origin,
                $"tensor {WeightFault.Quote(name)} is {entry.DType.FormatName()}."
            );
        using DisposeScope scope = NewDisposeScope();
        Tensor tensor = empty([.. entry.Shape], dtype, CPU);
        Fill(source, entry, tensor);
        return (device is null || device.type == DeviceType.CPU ? tensor : tensor.to(device)).MoveToOuterDisposeScope();
    }

    /// <summary>Copies all tensors of a file.</summary>
    /// <param name="source">The opened file.</param>
    /// <param name="device">Where the results lie; null for the CPU.</param>
    /// <returns>The tensors by name; they belong to the current dispose scope.</returns>
    /// <exception cref="KdException">As <see cref="ToTensor"/>.</exception>
    public static Dictionary<string, Tensor> ToTensors(this IWeightSource source, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        using DisposeScope scope = NewDisposeScope();
        var tensors = source.Entries.Keys.ToDictionary(static name => name, name => source.ToTensor(name, device));
        foreach (Tensor tensor in tensors.Values)
        {
            tensor.MoveToOuterDisposeScope();
        }
        return tensors;
    }

    /// <summary>Writes tensors as safetensors (see <see cref="SafeTensorsWriter"/>).</summary>
    /// <param name="tensors">
    /// The tensors by name, of any layout and device: each is written in row-major order, one that shares memory with
    /// another as a tensor of its own.
    /// </param>
    /// <param name="path">The file; its folder must exist. It may be open for reading.</param>
    /// <param name="metadata">Free text; null for none.</param>
    /// <returns>Length and SHA-256 of the file.</returns>
    /// <exception cref="KdException">The file system refuses (KDP0560); a name, dtype or layout that the format does not
    /// have (KDP0561).</exception>
    public static WrittenFile Save(
        IReadOnlyDictionary<string, Tensor> tensors,
        string path,
        IReadOnlyDictionary<string, string>? metadata = null
    )
    {
        ArgumentNullException.ThrowIfNull(tensors);
        return SafeTensorsWriter.Write(path, tensors.Select(pair => ToData(pair.Key, pair.Value, path)), metadata);
    }

    /// <summary>Writes tensors as a whole safetensors file into a stream.</summary>
    /// <param name="stream">Takes the bytes from its current position.</param>
    /// <param name="tensors">As in <see cref="Save"/>.</param>
    /// <param name="metadata">Free text; null for none.</param>
    /// <exception cref="KdException">A name, dtype or layout that the format does not have (KDP0561).</exception>
    public static void Write(
        Stream stream,
        IReadOnlyDictionary<string, Tensor> tensors,
        IReadOnlyDictionary<string, string>? metadata = null
    )
    {
        ArgumentNullException.ThrowIfNull(tensors);
        SafeTensorsWriter.Write(stream, tensors.Select(pair => ToData(pair.Key, pair.Value, "<stream>")), metadata);
    }

    private static WeightData ToData(string name, Tensor tensor, string path)
    {
        WeightDType? dtype = tensor.is_sparse ? null : tensor.dtype.ToWeightDType();
        if (dtype is null)
        {
            string what = tensor.is_sparse ? "sparse" : tensor.dtype.ToString();
            throw WeightFault.Of(
                WeightErrors.WriteInvalid,
                path,
                $"tensor {WeightFault.Quote(name)} is {what}, which safetensors cannot hold."
            );
        }
        return new WeightData(name, dtype.Value, tensor.shape, stream => WriteBytes(tensor, stream));
    }

    private static void Fill(IWeightSource source, WeightEntry entry, Tensor tensor)
    {
        int size = entry.DType.BitSize() / 8;
        using Tensor flat = tensor.view(-1);
        for (long at = 0; at < flat.numel(); at += Piece)
        {
            using Tensor piece = flat.narrow(0, at, Math.Min(Piece, flat.numel() - at));
            Span<byte> bytes = piece.bytes;
            source.CopyTo(entry.Name, at * size, bytes);
            // Kernels count on 0 and 1; a mask with other bytes makes some of them write outside their result.
            if (entry.DType == WeightDType.Bool && bytes.ContainsAnyExcept((byte)0, (byte)1))
            {
                throw WeightFault.Of(
                    WeightErrors.BoolInvalid,
                    source.Origin,
                    $"tensor {WeightFault.Quote(entry.Name)} is BOOL and holds bytes other than 0 and 1."
                );
            }
        }
    }

    private static void WriteBytes(Tensor tensor, Stream stream)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGrad = no_grad();
        Tensor host = tensor.detach().cpu();
        // A conjugated view only says so; its bytes are still the unconjugated ones.
        host = (host.is_complex() ? host.resolve_conj().resolve_neg() : host).contiguous();
        Tensor flat = host.view(-1);
        for (long at = 0; at < flat.numel(); at += Piece)
        {
            using Tensor piece = flat.narrow(0, at, Math.Min(Piece, flat.numel() - at));
            stream.Write(piece.bytes);
        }
    }
}
