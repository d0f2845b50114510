namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>The only classes and functions that a pickle may name. Each is a value here; none is ever called.</summary>
internal enum KnownGlobal
{
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage,
}

/// <summary>A name from the allow-list.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="DType">The element type, for a storage class.</param>
internal sealed record GlobalRef(KnownGlobal Kind, WeightDType? DType = null)
{
    private static readonly Dictionary<string, GlobalRef> Allowed = new(StringComparer.Ordinal)
    {
        ["collections.OrderedDict"] = new(KnownGlobal.OrderedDict),
        ["torch._utils._rebuild_tensor_v2"] = new(KnownGlobal.RebuildTensor),
        ["torch._utils._rebuild_parameter"] = new(KnownGlobal.RebuildParameter),
        ["torch.DoubleStorage"] = new(KnownGlobal.Storage, WeightDType.F64),
        ["torch.FloatStorage"] = new(KnownGlobal.Storage, WeightDType.F32),
        ["torch.HalfStorage"] = new(KnownGlobal.Storage, WeightDType.F16),
        ["torch.BFloat16Storage"] = new(KnownGlobal.Storage, WeightDType.BF16),
        ["torch.LongStorage"] = new(KnownGlobal.Storage, WeightDType.I64),
        ["torch.IntStorage"] = new(KnownGlobal.Storage, WeightDType.I32),
        ["torch.ShortStorage"] = new(KnownGlobal.Storage, WeightDType.I16),
        ["torch.CharStorage"] = new(KnownGlobal.Storage, WeightDType.I8),
        ["torch.ByteStorage"] = new(KnownGlobal.Storage, WeightDType.U8),
        ["torch.BoolStorage"] = new(KnownGlobal.Storage, WeightDType.Bool),
        ["torch.ComplexFloatStorage"] = new(KnownGlobal.Storage, WeightDType.C64),
    };

    /// <summary>Looks a name up; anything outside the table is nothing.</summary>
    public static GlobalRef? Find(string module, string name) => Allowed.GetValueOrDefault($"{module}.{name}");
}

/// <summary>A storage that the pickle refers to: where the numbers of tensors are.</summary>
/// <param name="Key">The name of the storage in the file.</param>
/// <param name="DType">The element type.</param>
/// <param name="Count">Elements, from 0.</param>
internal sealed record StorageRef(string Key, WeightDType DType, long Count)
{
    public long ByteLength => Count * (DType.BitSize() / 8);
}

/// <summary>A tensor: a strided view of a storage, already checked to lie inside it.</summary>
internal sealed record TensorRef(StorageRef Storage, long Offset, long[] Shape, long[] Strides)
{
    /// <summary>Bytes in row-major form.</summary>
    public required long ByteLength { get; init; }

    /// <summary>Whether the elements lie in the storage one after the other, in row-major order.</summary>
    public bool IsContiguous
    {
        get
        {
            if (ByteLength == 0)
            {
                return true;
            }
            long expected = 1;
            for (int i = Shape.Length - 1; i >= 0; i--)
            {
                if (Shape[i] != 1 && Strides[i] != expected)
                {
                    return false;
                }
                expected *= Shape[i];
            }
            return true;
        }
    }
}
