using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using System.Text.Unicode;

namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>Takes numbers and texts off a pickle. Nothing is read past its end, nothing allocated before it is checked.</summary>
internal ref struct PickleBytes(ReadOnlySpan<byte> data, string origin)
{
    private readonly ReadOnlySpan<byte> _data = data;

    /// <summary>Bytes read so far.</summary>
    public int Position { get; private set; }

    public byte Byte() => Take(1)[0];

    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    /// <summary>Pickles hold floats big-endian.</summary>
    public double Double() => BinaryPrimitives.ReadDoubleBigEndian(Take(8));

    /// <summary>A little-endian two's complement integer of up to 16 bytes: a long where it fits.</summary>
    public object Long(int length)
    {
        if (length > 16)
        {
            throw Fault(WeightErrors.PickleLimit, $"an integer of {length} bytes; at most 16 are read.");
        }
        var number = new BigInteger(Take(length));
        return number >= long.MinValue && number <= long.MaxValue ? (object)(long)number : number;
    }

    public string Text(uint length)
    {
        if (length > WeightLimits.MaxStringBytes)
        {
            throw Fault(
                WeightErrors.PickleLimit,
                $"a string of {length} bytes; at most {WeightLimits.MaxStringBytes} are read."
            );
        }
        ReadOnlySpan<byte> text = Take((int)length);
        return Utf8.IsValid(text)
            ? Encoding.UTF8.GetString(text)
            : throw Fault(WeightErrors.PickleInvalid, "a string is not UTF-8.");
    }

    /// <summary>A name that ends with a line feed.</summary>
    public string Line()
    {
        ReadOnlySpan<byte> rest = _data[Position..];
        int length = rest[..Math.Min(rest.Length, WeightLimits.MaxGlobalBytes + 1)].IndexOf((byte)'\n');
        if (length < 0)
        {
            throw Fault(WeightErrors.PickleInvalid, $"a name does not end within {WeightLimits.MaxGlobalBytes} bytes.");
        }
        Position += length + 1;
        return Encoding.Latin1.GetString(rest[..length]);
    }

    public readonly KdException Fault(ErrorCode code, string what) =>
        WeightFault.Of(code, origin, $"at byte {Position} of the pickle, {what}");

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _data.Length - Position)
        {
            throw Fault(WeightErrors.PickleInvalid, "it ends in the middle.");
        }
        ReadOnlySpan<byte> taken = _data.Slice(Position, count);
        Position += count;
        return taken;
    }
}
