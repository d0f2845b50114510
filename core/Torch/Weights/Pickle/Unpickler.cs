using System.Globalization;

namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>
/// Reads one pickle into plain values: null, bool, long, BigInteger, double, string, lists, tuples (arrays),
/// dictionaries, and descriptions of tensors and storages. No class is looked up in the running program, and nothing
/// is called: the few known names are entries of a table, and what they stand for is done here.
/// </summary>
internal static class Unpickler
{
    private static readonly object True = true;
    private static readonly object False = false;
    private static readonly object[] SmallIntegers = [.. Enumerable.Range(0, 256).Select(static i => (object)(long)i)];

    /// <summary>Reads a pickle.</summary>
    /// <param name="data">Bytes that start with it.</param>
    /// <param name="origin">The file, for messages.</param>
    /// <param name="storages">The storages met so far, by key; new ones are added.</param>
    /// <param name="credit">Pays for the objects.</param>
    /// <param name="consumed">Bytes of the pickle.</param>
    /// <exception cref="KdException">KDP0540 to KDP0545.</exception>
    public static object? Read(
        ReadOnlySpan<byte> data,
        string origin,
        Dictionary<string, StorageRef> storages,
        MemoryCredit credit,
        out int consumed
    )
    {
        var bytes = new PickleBytes(data, origin);
        var stack = new PickleStack(credit);
        try
        {
            ReadProtocol(ref bytes);
            while (true)
            {
                byte opcode = bytes.Byte();
                if (opcode == PickleOpcode.Stop)
                {
                    break;
                }
                if (!Scalar(opcode, ref bytes, stack) && !Container(opcode, stack) && !Memory(opcode, ref bytes, stack))
                {
                    Object(opcode, ref bytes, stack, storages);
                }
            }
            object? result = stack.Pop();
            consumed = bytes.Position;
            return stack.IsEmpty
                ? result
                : throw new PickleFault(WeightErrors.PickleInvalid, "objects are left on the stack.");
        }
        catch (PickleFault fault)
        {
            throw bytes.Fault(fault.Code, fault.Message);
        }
    }

    private static void ReadProtocol(ref PickleBytes bytes)
    {
        byte first = bytes.Byte();
        if (first != PickleOpcode.Protocol)
        {
            throw new PickleFault(WeightErrors.PickleInvalid, "it does not start with a protocol number.");
        }
        byte protocol = bytes.Byte();
        if (protocol != 2)
        {
            throw new PickleFault(
                WeightErrors.PickleOpcode,
                $"pickle protocol {protocol}; only 2, which torch.save writes by default, is read."
            );
        }
    }

    private static bool Scalar(byte opcode, ref PickleBytes bytes, PickleStack stack)
    {
        switch (opcode)
        {
            case PickleOpcode.None:
                stack.Push(null);
                return true;
            case PickleOpcode.NewTrue:
                stack.Push(True);
                return true;
            case PickleOpcode.NewFalse:
                stack.Push(False);
                return true;
            case PickleOpcode.BinInt1:
                stack.Push(SmallIntegers[bytes.Byte()]);
                return true;
            case PickleOpcode.BinInt2:
                stack.Push((long)bytes.UInt16(), 24);
                return true;
            case PickleOpcode.BinInt:
                stack.Push((long)bytes.Int32(), 24);
                return true;
            case PickleOpcode.Long1:
                stack.Push(bytes.Long(bytes.Byte()), 64);
                return true;
            case PickleOpcode.BinFloat:
                stack.Push(bytes.Double(), 24);
                return true;
            case PickleOpcode.BinUnicode:
                PushText(bytes.Text(bytes.UInt32()), stack);
                return true;
            case PickleOpcode.ShortBinString:
                PushText(bytes.Text(bytes.Byte()), stack);
                return true;
            default:
                return false;
        }
    }

    private static void PushText(string text, PickleStack stack) => stack.Push(text, 24 + 2 * text.Length);

    private static bool Container(byte opcode, PickleStack stack)
    {
        switch (opcode)
        {
            case PickleOpcode.Mark:
                stack.Mark();
                return true;
            case PickleOpcode.EmptyTuple:
                stack.Push(Array.Empty<object?>());
                return true;
            case PickleOpcode.Tuple1:
            case PickleOpcode.Tuple2:
            case PickleOpcode.Tuple3:
                stack.Push(stack.PopMany(opcode - PickleOpcode.Tuple1 + 1));
                return true;
            case PickleOpcode.Tuple:
                stack.Push(stack.PopToMark());
                return true;
            case PickleOpcode.EmptyList:
                stack.Push(new List<object?>(), 32);
                return true;
            case PickleOpcode.Append:
                object? item = stack.Pop();
                ListToFill(stack, 1).Add(item);
                return true;
            case PickleOpcode.Appends:
                object?[] items = stack.PopToMark();
                ListToFill(stack, items.Length).AddRange(items);
                return true;
            case PickleOpcode.EmptyDict:
                stack.Push(new PickleDict(ordered: false), PickleDict.EmptyCost);
                return true;
            case PickleOpcode.SetItem:
                object? value = stack.Pop();
                object? key = stack.Pop();
                SetOne(stack, DictToFill(stack), key, value);
                return true;
            case PickleOpcode.SetItems:
                SetAll(stack, stack.PopToMark());
                return true;
            default:
                return false;
        }
    }

    private static List<object?> ListToFill(PickleStack stack, int more)
    {
        if (stack.Peek() is not List<object?> list)
        {
            throw new PickleFault(WeightErrors.PickleInvalid, "items are appended to something that is no list.");
        }
        stack.Charge((list.Count == 0 ? 56 : 0) + 16 * more); // a list doubles its room
        return list;
    }

    private static void SetAll(PickleStack stack, object?[] pairs)
    {
        PickleDict dict = DictToFill(stack);
        if (pairs.Length % 2 != 0)
        {
            throw new PickleFault(WeightErrors.PickleInvalid, "a key has no value.");
        }
        for (int i = 0; i < pairs.Length; i += 2)
        {
            SetOne(stack, dict, pairs[i], pairs[i + 1]);
        }
    }

    private static PickleDict DictToFill(PickleStack stack) =>
        stack.Peek() as PickleDict
        ?? throw new PickleFault(WeightErrors.PickleInvalid, "items are set on something that is no dictionary.");

    /// <summary>Adds an item, paid for; a key must be new, and a string or an integer.</summary>
    public static void SetOne(PickleStack stack, PickleDict dict, object? key, object? value)
    {
        if (key is not (string or long))
        {
            throw new PickleFault(WeightErrors.PickleInvalid, "a dictionary key is neither a string nor an integer.");
        }
        stack.Charge(dict.NextCost);
        if (!dict.TryAdd(key, value))
        {
            string text = Convert.ToString(key, CultureInfo.InvariantCulture)!;
            throw new PickleFault(WeightErrors.PickleInvalid, $"the key {WeightFault.Quote(text)} is set twice.");
        }
    }

    private static bool Memory(byte opcode, ref PickleBytes bytes, PickleStack stack)
    {
        switch (opcode)
        {
            case PickleOpcode.BinPut:
                stack.Remember(bytes.Byte());
                return true;
            case PickleOpcode.LongBinPut:
                stack.Remember(bytes.UInt32());
                return true;
            case PickleOpcode.BinGet:
                stack.Push(stack.Recall(bytes.Byte()));
                return true;
            case PickleOpcode.LongBinGet:
                stack.Push(stack.Recall(bytes.UInt32()));
                return true;
            default:
                return false;
        }
    }

    private static void Object(
        byte opcode,
        ref PickleBytes bytes,
        PickleStack stack,
        Dictionary<string, StorageRef> storages
    )
    {
        switch (opcode)
        {
            case PickleOpcode.Global:
                string module = bytes.Line();
                string name = bytes.Line();
                stack.Charge(4 * (module.Length + name.Length) + 96);
                stack.Push(GlobalRef.Find(module, name) ?? throw RefusedGlobal(module, name));
                break;
            case PickleOpcode.BinPersistentId:
                stack.Push(TensorBuilder.Storage(stack.Pop(), storages), 160);
                break;
            case PickleOpcode.Reduce:
                object? arguments = stack.Pop();
                object? callable = stack.Pop();
                stack.Push(PickleCalls.Reduce(callable, arguments, stack));
                break;
            case PickleOpcode.Build:
                // The attributes of an ordered dictionary (_metadata of a state dict) carry no weights.
                _ = stack.Pop();
                if (stack.Peek() is not PickleDict { Ordered: true })
                {
                    throw new PickleFault(
                        WeightErrors.PickleOpcode,
                        "BUILD on something that is no ordered dictionary."
                    );
                }
                break;
            default:
                throw new PickleFault(
                    WeightErrors.PickleOpcode,
                    $"operation 0x{opcode:x2}, {PickleOpcode.Name(opcode)}."
                );
        }
    }

    private static PickleFault RefusedGlobal(string module, string name) =>
        new(
            WeightErrors.PickleGlobal,
            $"it asks for {WeightFault.Quote($"{module}.{name}")}, which tensors do not need."
        );
}
