using static TorchSharp.torch;

namespace KdPlugins.Torch.Stable;

/// <summary>Arguments against parameters: first checked, then encoded for the dispatcher's stack.</summary>
internal static class StableEncoder
{
    /// <summary>The value that will be pushed.</summary>
    /// <exception cref="KdException"><c>KDP0009</c>: the argument is not what the parameter is declared to be.</exception>
    internal static object? Check(StableOperator op, SchemaParameter parameter, StableArgument argument)
    {
        if (argument.IsDefault)
            argument =
                parameter.Default
                ?? throw op.WrongCall(
                    $"needs an argument for '{parameter.Name}' ({parameter.Type}), which has no default"
                );
        var value = Convert(parameter, argument.Value);
        if (value is null && !parameter.AllowsNone)
            throw op.WrongCall($"got {argument.Describe()} for '{parameter.Name}', expected {parameter.Type}");
        if (
            value is Tensor { IsInvalid: true }
            || value is Tensor?[] list && Array.Exists(list, t => t is { IsInvalid: true })
        )
            throw op.WrongCall($"got a disposed tensor for '{parameter.Name}'");
        if (value is Tensor?[] tensors && !parameter.AllowsNoneItems && Array.Exists(tensors, t => t is null))
            throw op.WrongCall($"got a list with an absent tensor for '{parameter.Name}'");
        if (
            value is Array array
            && parameter.Length > 1
            && array.Length != parameter.Length
            && !IsEmptyDefault(parameter, array)
        )
            throw op.WrongCall($"got {array.Length} items for '{parameter.Name}', expected {parameter.Type}");
        return value;
    }

    /// <summary>Pushes a value that was checked.</summary>
    internal static void Push(ref StableCall call, SchemaParameter parameter, object? value)
    {
        if (value is null)
        {
            call.PushNone();
            return;
        }
        var encoded = parameter.IsList ? List(ref call, parameter, (Array)value) : Item(ref call, value);
        call.Push(parameter.AllowsNone ? StableCall.Cell(encoded) : encoded);
    }

    // Null where the argument is None or does not fit.
    private static object? Convert(SchemaParameter parameter, object? value) =>
        (parameter.Kind, parameter.IsList, value) switch
        {
            (SchemaKind.Tensor, false, Tensor) => value,
            (SchemaKind.Tensor, true, Tensor[]) => value,
            (SchemaKind.Tensor, true, long[] { Length: 0 }) => Array.Empty<Tensor>(), // the default []
            (SchemaKind.Int, false, long) => value,
            (SchemaKind.Int, true, long[]) => value,
            (SchemaKind.Int, true, long number) when parameter.Length > 0 => Repeat(number, parameter.Length),
            (SchemaKind.Float, false, double) => value,
            (SchemaKind.Float, false, long number) => (double)number,
            (SchemaKind.Float, true, double[]) => value,
            (SchemaKind.Float, true, long[] numbers) => Array.ConvertAll(numbers, n => (double)n),
            (SchemaKind.Bool, false, bool) => value,
            (SchemaKind.Text, false, string) => value,
            (SchemaKind.Dtype, false, ScalarType) => value,
            (SchemaKind.OnlyNone, true, long[] { Length: 0 }) => Array.Empty<Tensor>(),
            _ => null,
        };

    // "int[2] stride=[]" means: none given.
    private static bool IsEmptyDefault(SchemaParameter parameter, Array array) =>
        array.Length == 0 && parameter.Default is { Value: long[] { Length: 0 } };

    private static long[] Repeat(long number, int count)
    {
        var numbers = new long[count];
        Array.Fill(numbers, number);
        return numbers;
    }

    private static ulong List(ref StableCall call, SchemaParameter parameter, Array items)
    {
        var list = StableCall.NewList(items.Length);
        foreach (var item in items)
        {
            var encoded =
                item is null ? 0
                : parameter.AllowsNoneItems ? StableCall.Cell(Item(ref call, item))
                : Item(ref call, item);
            StableCall.Append(list, encoded);
        }
        return (ulong)list;
    }

    private static ulong Item(ref StableCall call, object item)
    {
        switch (item)
        {
            case Tensor tensor:
                call.Remember(tensor);
                return StableAbi.Own(tensor);
            case long number:
                return (ulong)number;
            case double number:
                return BitConverter.DoubleToUInt64Bits(number);
            case bool flag:
                return flag ? 1UL : 0UL;
            case string text:
                return StableCall.Text(text);
            default:
                return (ulong)(sbyte)(ScalarType)item;
        }
    }
}
