using System.Buffers.Binary;
using System.Numerics;

namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>
/// The format that torch.save wrote before 1.6 (and still writes on request): five pickles (magic number, version,
/// system, object, storage keys), then each storage as an element count and its bytes.
/// </summary>
internal static class LegacyReader
{
    private const long Version = 1001;
    private static readonly BigInteger Magic = BigInteger.Parse(
        "1950a86a20f9469cfc6c",
        System.Globalization.NumberStyles.HexNumber
    );

    /// <summary>Reads the five pickles, and finds the storages behind them.</summary>
    public static PickledState Read(ByteSource bytes, string origin)
    {
        ReadOnlySpan<byte> head = bytes.Span(0, (int)Math.Min(bytes.Length, WeightLimits.MaxPickleBytes));
        var credit = new MemoryCredit(head.Length);
        var storages = new Dictionary<string, StorageRef>(StringComparer.Ordinal);
        var none = new Dictionary<string, StorageRef>(StringComparer.Ordinal);
        int position = 0;
        if (Next(head, ref position, origin, none, credit) is not BigInteger magic || magic != Magic)
        {
            throw Fault(WeightErrors.UnknownFormat, origin, "it is a pickle, but not one that torch.save wrote.");
        }
        if (Next(head, ref position, origin, none, credit) is not Version)
        {
            throw Fault(WeightErrors.LegacyFormat, origin, $"its version is not {Version}.");
        }
        CheckSystem(Next(head, ref position, origin, none, credit), origin);
        object? tree = Next(head, ref position, origin, storages, credit);
        object? keys = Next(head, ref position, origin, none, credit);
        Dictionary<string, long> starts = Locate(bytes, position, keys, storages, origin);
        return new PickledState(tree, position, credit, new LegacyStorages(bytes, starts));
    }

    private static object? Next(
        ReadOnlySpan<byte> head,
        ref int position,
        string origin,
        Dictionary<string, StorageRef> storages,
        MemoryCredit credit
    )
    {
        object? value = Unpickler.Read(head[position..], origin, storages, credit, out int consumed);
        position += consumed;
        return value;
    }

    private static void CheckSystem(object? system, string origin)
    {
        if (system is not PickleDict dict)
        {
            throw Fault(WeightErrors.PickleInvalid, origin, "the description of the system is missing.");
        }
        if (!dict.TryGetValue("little_endian", out object? little) || little is not true)
        {
            throw Fault(WeightErrors.ByteOrder, origin, "it says that its numbers are not little-endian.");
        }
    }

    private static Dictionary<string, long> Locate(
        ByteSource bytes,
        long position,
        object? keys,
        Dictionary<string, StorageRef> storages,
        string origin
    )
    {
        if (keys is not List<object?> list || list.Count != storages.Count)
        {
            throw Fault(WeightErrors.StorageInvalid, origin, "the list of its storages does not fit its tensors.");
        }
        var starts = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (object? key in list)
        {
            if (
                key is not string text
                || !storages.TryGetValue(text, out StorageRef? storage)
                || bytes.Length - position < 8
            )
            {
                throw Fault(WeightErrors.StorageInvalid, origin, "a storage of the list is unknown, or cut.");
            }
            long count = BinaryPrimitives.ReadInt64LittleEndian(bytes.Span(position, 8));
            position += 8;
            if (
                count != storage.Count
                || storage.ByteLength > bytes.Length - position
                || !starts.TryAdd(text, position)
            )
            {
                throw Fault(
                    WeightErrors.StorageInvalid,
                    origin,
                    $"storage {WeightFault.Quote(text)} has {count} elements where {storage.Count} are needed, is cut, or occurs twice."
                );
            }
            position += storage.ByteLength;
        }
        return position == bytes.Length
            ? starts
            : throw Fault(
                WeightErrors.StorageInvalid,
                origin,
                $"{bytes.Length - position} bytes follow the last storage."
            );
    }

    private static KdException Fault(ErrorCode code, string origin, string what) => WeightFault.Of(code, origin, what);
}
