namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>Turns the arguments of a pickle into checked descriptions of storages and tensors.</summary>
internal static class TensorBuilder
{
    /// <summary>A persistent id: ('storage', class, key, device, elements), in legacy files with a sixth part, None.</summary>
    public static StorageRef Storage(object? id, Dictionary<string, StorageRef> storages)
    {
        bool known =
            id is object?[] { Length: 5 or 6 } parts
            && parts[0] is "storage"
            && parts[1] is GlobalRef { Kind: KnownGlobal.Storage }
            && parts[2] is string
            && parts[3] is string
            && parts[4] is long
            && (parts.Length == 5 || parts[5] is null);
        if (!known)
        {
            throw new PickleFault(WeightErrors.StorageInvalid, "a persistent id does not describe a storage.");
        }
        var tuple = (object?[])id!;
        string key = (string)tuple[2]!;
        WeightDType dtype = ((GlobalRef)tuple[1]!).DType!.Value;
        long count = (long)tuple[4]!;
        if (!dtype.TryByteCount([count], out _))
        {
            throw new PickleFault(WeightErrors.StorageInvalid, $"a storage has the impossible size {count}.");
        }
        if (!storages.TryGetValue(key, out StorageRef? storage))
        {
            storages.Add(key, storage = new StorageRef(key, dtype, count));
        }
        return storage.DType == dtype && storage.Count == count
            ? storage
            : throw new PickleFault(
                WeightErrors.StorageInvalid,
                $"storage {WeightFault.Quote(key)} is described in two ways: {storage.Count} of "
                    + $"{storage.DType.FormatName()}, and {count} of {dtype.FormatName()}."
            );
    }

    /// <summary>
    /// Arguments of _rebuild_tensor_v2: storage, offset, shape, strides, requires_grad, hooks, and sometimes metadata.
    /// The largest index that the strides can reach must lie inside the storage.
    /// </summary>
    public static TensorRef Tensor(object?[] arguments, PickleStack stack)
    {
        bool known =
            arguments is [StorageRef, long, object?[], object?[], bool, PickleDict { Items.Count: 0 }, ..]
            && arguments.Length <= 7;
        if (!known)
        {
            throw new PickleFault(WeightErrors.PickleInvalid, "a tensor is described in an unknown way.");
        }
        var storage = (StorageRef)arguments[0]!;
        long offset = (long)arguments[1]!;
        long[] shape = Integers((object?[])arguments[2]!, "shape", stack);
        long[] strides = Integers((object?[])arguments[3]!, "strides", stack);
        if (shape.Length != strides.Length)
        {
            throw new PickleFault(WeightErrors.TensorOutsideStorage, "shape and strides of a tensor differ in length.");
        }
        bool countable = storage.DType.TryByteCount(shape, out long bytes);
        if (!countable || offset < 0 || offset > storage.Count || End(offset, shape, strides) > storage.Count)
        {
            throw new PickleFault(
                WeightErrors.TensorOutsideStorage,
                $"a tensor with offset {offset}, shape {WeightFault.Shape(shape)} and strides {WeightFault.Shape(strides)} "
                    + $"does not fit into storage {WeightFault.Quote(storage.Key)} of {storage.Count} elements."
            );
        }
        return new TensorRef(storage, offset, shape, strides) { ByteLength = bytes };
    }

    private static long[] Integers(object?[] tuple, string what, PickleStack stack)
    {
        if (tuple.Length > WeightLimits.MaxDimensions)
        {
            throw new PickleFault(WeightErrors.PickleLimit, $"a tensor with {tuple.Length} dimensions.");
        }
        stack.Charge(24 + 8 * tuple.Length);
        var numbers = new long[tuple.Length];
        for (int i = 0; i < tuple.Length; i++)
        {
            numbers[i] = tuple[i] is long and >= 0
                ? (long)tuple[i]!
                : throw new PickleFault(
                    WeightErrors.TensorOutsideStorage,
                    $"the {what} of a tensor must be integers from 0."
                );
        }
        return numbers;
    }

    /// <summary>
    /// One past the last element that the view touches; the offset itself for an empty one. The shape is countable: its
    /// product stays below 2^63, and with it the sum below 2^127.
    /// </summary>
    private static Int128 End(long offset, long[] shape, long[] strides)
    {
        if (shape.Contains(0))
        {
            return offset;
        }
        Int128 last = offset;
        for (int i = 0; i < shape.Length; i++)
        {
            last += (Int128)(shape[i] - 1) * strides[i];
        }
        return last + 1;
    }
}
