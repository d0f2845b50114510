namespace KdPlugins.Torch.Weights;

/// <summary>
/// The dtypes of the safetensors format, in the format's own order: files are written in descending order of it, so
/// that the widest (most strictly aligned) tensors come first.
/// </summary>
public enum WeightDType
{
    /// <summary>Boolean, one byte, 0 or 1.</summary>
    Bool,

    /// <summary>Floating point, 4 bits (MX); raw bytes only.</summary>
    F4,

    /// <summary>Floating point, 6 bits, 2 exponent bits (MX); raw bytes only.</summary>
    F6E2M3,

    /// <summary>Floating point, 6 bits, 3 exponent bits (MX); raw bytes only.</summary>
    F6E3M2,

    /// <summary>Unsigned integer, 8 bits.</summary>
    U8,

    /// <summary>Signed integer, 8 bits.</summary>
    I8,

    /// <summary>Floating point, 8 bits, 5 exponent bits; raw bytes only.</summary>
    F8E5M2,

    /// <summary>Floating point, 8 bits, 4 exponent bits; raw bytes only.</summary>
    F8E4M3,

    /// <summary>Power of two, 8 exponent bits (MX scale); raw bytes only.</summary>
    F8E8M0,

    /// <summary>Floating point, 8 bits, 4 exponent bits, finite, no negative zero; raw bytes only.</summary>
    F8E4M3Fnuz,

    /// <summary>Floating point, 8 bits, 5 exponent bits, finite, no negative zero; raw bytes only.</summary>
    F8E5M2Fnuz,

    /// <summary>Signed integer, 16 bits.</summary>
    I16,

    /// <summary>Unsigned integer, 16 bits; raw bytes only.</summary>
    U16,

    /// <summary>IEEE half precision.</summary>
    F16,

    /// <summary>The upper half of a float32.</summary>
    BF16,

    /// <summary>Signed integer, 32 bits.</summary>
    I32,

    /// <summary>Unsigned integer, 32 bits; raw bytes only.</summary>
    U32,

    /// <summary>IEEE single precision.</summary>
    F32,

    /// <summary>Complex number of two float32.</summary>
    C64,

    /// <summary>IEEE double precision.</summary>
    F64,

    /// <summary>Signed integer, 64 bits.</summary>
    I64,

    /// <summary>Unsigned integer, 64 bits; raw bytes only.</summary>
    U64,
}

/// <summary>Names and sizes of <see cref="WeightDType"/>.</summary>
public static class WeightDTypes
{
    private static readonly (string Name, int Bits)[] Facts =
    [
        ("BOOL", 8),
        ("F4", 4),
        ("F6_E2M3", 6),
        ("F6_E3M2", 6),
        ("U8", 8),
        ("I8", 8),
        ("F8_E5M2", 8),
        ("F8_E4M3", 8),
        ("F8_E8M0", 8),
        ("F8_E4M3FNUZ", 8),
        ("F8_E5M2FNUZ", 8),
        ("I16", 16),
        ("U16", 16),
        ("F16", 16),
        ("BF16", 16),
        ("I32", 32),
        ("U32", 32),
        ("F32", 32),
        ("C64", 64),
        ("F64", 64),
        ("I64", 64),
        ("U64", 64),
    ];

    /// <summary>The name in a safetensors header, such as <c>BF16</c>.</summary>
    public static string FormatName(this WeightDType dtype) => Facts[(int)dtype].Name;

    /// <summary>Bits per element: 4 to 64.</summary>
    public static int BitSize(this WeightDType dtype) => Facts[(int)dtype].Bits;

    /// <summary>All dtypes, in the order of the format.</summary>
    public static IReadOnlyList<WeightDType> All { get; } = Enum.GetValues<WeightDType>();

    /// <summary>
    /// Bytes of a tensor, with checked arithmetic: false where the product overflows or sub-byte elements do not fill
    /// whole bytes.
    /// </summary>
    internal static bool TryByteCount(this WeightDType dtype, ReadOnlySpan<long> shape, out long bytes)
    {
        bytes = 0;
        long elements = 1;
        foreach (long dimension in shape)
        {
            if (dimension < 0 || !TryMultiply(elements, dimension, out elements))
            {
                return false;
            }
        }
        if (!TryMultiply(elements, dtype.BitSize(), out long bits) || bits % 8 != 0)
        {
            return false;
        }
        bytes = bits / 8;
        return true;
    }

    private static bool TryMultiply(long a, long b, out long product)
    {
        long high = Math.BigMul(a, b, out product);
        return high == 0 && product >= 0;
    }
}
