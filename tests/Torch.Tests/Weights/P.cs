using System.Buffers.Binary;
using System.Text;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>Writes pickles operation by operation, honest or not.</summary>
internal static class P
{
    public static readonly byte[] None = "N"u8.ToArray();
    public static readonly byte[] False = [0x89];
    public static readonly byte[] EmptyList = "]"u8.ToArray();
    public static readonly byte[] EmptyDict = "}"u8.ToArray();
    public static readonly byte[] OrderedDict = [.. Global("collections", "OrderedDict"), .. ")R"u8];

    public static byte[] Join(params IEnumerable<byte[]> parts) => [.. parts.SelectMany(p => p)];

    public static byte[] Raw(string ascii) => Encoding.Latin1.GetBytes(ascii);

    /// <summary>Protocol 2, the value, and the end.</summary>
    public static byte[] Pickle(params byte[][] value) => [0x80, 2, .. Join(value), (byte)'.'];

    public static byte[] Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        return [(byte)'X', .. Little(utf8.Length), .. utf8];
    }

    public static byte[] Int(long value)
    {
        if (value is >= 0 and < 256)
        {
            return [(byte)'K', (byte)value];
        }
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return [0x8a, 8, .. bytes];
    }

    public static byte[] Global(string module, string name) => Raw($"c{module}\n{name}\n");

    public static byte[] Tuple(params IEnumerable<byte[]> items) => [(byte)'(', .. Join(items), (byte)'t'];

    public static byte[] Ints(params long[] values) => Tuple(values.Select(Int));

    public static byte[] List(params byte[][] items) => [.. "]("u8, .. Join(items), (byte)'e'];

    public static byte[] Dict(params (string Key, byte[] Value)[] items) =>
        [.. "}("u8, .. Join(items.Select(i => Join(Text(i.Key), i.Value))), (byte)'u'];

    public static byte[] Storage(string type, string key, long count) =>
        [.. Tuple(Text("storage"), Global("torch", type), Text(key), Text("cpu"), Int(count)), (byte)'Q'];

    public static byte[] LegacyStorage(string type, string key, long count) =>
        [.. Tuple(Text("storage"), Global("torch", type), Text(key), Text("cpu"), Int(count), None), (byte)'Q'];

    public static byte[] Tensor(byte[] storage, long offset, long[] shape, long[] strides) =>
        [
            .. Global("torch._utils", "_rebuild_tensor_v2"),
            .. Tuple(storage, Int(offset), Ints(shape), Ints(strides), False, OrderedDict),
            (byte)'R',
        ];

    /// <summary>A float tensor of one dimension that is all of storage <paramref name="key"/>.</summary>
    public static byte[] Floats(string key, long count) => Tensor(Storage("FloatStorage", key, count), 0, [count], [1]);

    public static byte[] Little(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return bytes;
    }

    /// <summary>A file of the format before the zip one.</summary>
    public static byte[] Legacy(
        byte[] value,
        byte[]? system = null,
        byte[]? version = null,
        byte[]? keys = null,
        byte[]? data = null
    )
    {
        byte[] magic = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
        byte[] little = Dict(("protocol_version", Int(1001)), ("little_endian", [0x88]));
        return Join(
            Pickle(magic),
            Pickle(version ?? Int(1001)),
            Pickle(system ?? little),
            Pickle(value),
            Pickle(keys ?? List(Text("0"))),
            data ?? [4, 0, 0, 0, 0, 0, 0, 0, .. new byte[16]]
        );
    }
}
