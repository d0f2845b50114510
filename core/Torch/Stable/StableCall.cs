using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using KdPlugins.Torch.Native;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Stable;

/// <summary>
/// One call through libtorch's dispatcher: push every argument of the operator's schema in order (defaults too), then
/// <see cref="Invoke"/>, then take the results. Autograd and autocast apply as to any operator.
/// </summary>
/// <remarks>The call consumes all that was pushed, also when the operator fails.</remarks>
internal unsafe ref struct StableCall
{
    private readonly StableOperator _operator;
    private readonly Span<ulong> _stack;
    private TensorSlots _tensors;
    private int _count;
    private int _tensorCount;

    [InlineArray(Capacity)]
    private struct TensorSlots
    {
        internal const int Capacity = 8;
        private Tensor? _first;
    }

    /// <summary>Begins a call.</summary>
    /// <param name="op">The operator.</param>
    /// <param name="stack">Room for the larger of the numbers of arguments and results.</param>
    internal StableCall(StableOperator op, Span<ulong> stack)
    {
        NativeRuntime.Start();
        _operator = op;
        _stack = stack;
    }

    internal void Push(Tensor tensor)
    {
        Remember(tensor);
        Push(StableAbi.Own(tensor));
    }

    internal void PushOptional(Tensor? tensor)
    {
        if (tensor is null)
        {
            PushNone();
            return;
        }
        Remember(tensor);
        Push(Cell(StableAbi.Own(tensor)));
    }

    internal void Push(long value) => Push((ulong)value);

    internal void Push(bool value) => Push(value ? 1UL : 0UL);

    internal void Push(double value) => Push(BitConverter.DoubleToUInt64Bits(value));

    internal void PushNone() => Push(0UL);

    internal void Push(string value) => Push(Text(value));

    internal void PushOptional(bool value) => Push(Cell(value ? 1UL : 0UL));

    internal void PushOptional(string value) => Push(Cell(Text(value)));

    internal void Push(ReadOnlySpan<long> values) => Push(List(values));

    internal void PushOptional(ReadOnlySpan<long> values) => Push(Cell(List(values)));

    internal void Push(IReadOnlyList<Tensor> tensors)
    {
        if (tensors.Count > 0)
            Remember(tensors[0]);
        var list = NewList(tensors.Count);
        for (var i = 0; i < tensors.Count; i++)
            StableAbi.Check(StableAbi.PushBack(list, StableAbi.Own(tensors[i])), "list_push_back");
        Push((ulong)list);
    }

    /// <summary>Calls the operator.</summary>
    /// <exception cref="KdException"><c>KDP0002</c> with the operator, the tensors' shapes and dtypes, and libtorch's text.</exception>
    internal void Invoke()
    {
        int code;
        fixed (ulong* stack = _stack)
            code = StableAbi.CallDispatcher(_operator.Name, _operator.Overload, stack, NativeCandidate.LibTorchAbi);
        if (code != 0)
            throw new KdException(TorchErrors.NativeCall, Explain(ErrorText.Take()));
    }

    /// <summary>
    /// The i-th result, which joins the current dispose scope; null where the operator gave an undefined tensor. Each
    /// result can be taken once: two owners of one handle would free it twice.
    /// </summary>
    internal readonly Tensor? TakeOptional(int i) => Wrap(TakeHandle(i));

    private static Tensor? Wrap(nint handle)
    {
        byte defined;
        StableAbi.Check(StableAbi.IsDefined(handle, &defined), "is_defined");
        if (defined != 0)
            return Tensor.UnsafeCreateTensor(handle);
        StableAbi.DeleteTensor(handle);
        return null;
    }

    /// <summary>The i-th result.</summary>
    internal readonly Tensor Take(int i) =>
        TakeOptional(i)
        ?? throw new KdException(TorchErrors.NativeCall, $"{_operator.FullName} gave no tensor as result {i}.");

    /// <summary>The i-th result, an int.</summary>
    internal readonly long TakeInteger(int i) => (long)_stack[i];

    /// <summary>The tensors of the i-th result, a list.</summary>
    internal readonly Tensor?[] TakeList(int i)
    {
        var list = TakeHandle(i);
        nuint count;
        StableAbi.Check(StableAbi.ListSize(list, &count), "list_size");
        var tensors = new Tensor?[(int)count];
        for (var n = 0; n < tensors.Length; n++)
        {
            ulong item;
            StableAbi.Check(StableAbi.GetItem(list, (nuint)n, &item), "list_get_item");
            tensors[n] = Wrap((nint)item);
        }
        StableAbi.DeleteList(list);
        return tensors;
    }

    /// <summary>Drops the extra handle that an in-place operator returns.</summary>
    internal readonly void Drop(int i) => StableAbi.DeleteTensor(TakeHandle(i));

    private readonly nint TakeHandle(int i)
    {
        var handle = (nint)_stack[i];
        _stack[i] = 0;
        return handle != 0
            ? handle
            : throw new InvalidOperationException($"Result {i} of {_operator.FullName} was taken before.");
    }

    internal void Push(ulong value) => _stack[_count++] = value;

    internal void Remember(Tensor tensor)
    {
        if (_tensorCount < TensorSlots.Capacity)
            _tensors[_tensorCount++] = tensor;
    }

    internal static ulong Cell(ulong value)
    {
        var cell = (ulong*)NativeMemory.Alloc(sizeof(ulong));
        *cell = value;
        return (ulong)cell;
    }

    internal static ulong Text(string value)
    {
        var bytes = Encoding.UTF8.GetBytes(value);
        nint handle;
        fixed (byte* p = bytes)
            StableAbi.Check(StableAbi.NewString(p, (nuint)bytes.Length, &handle), "new_string_handle");
        return (ulong)handle;
    }

    internal static void Append(nint list, ulong item) =>
        StableAbi.Check(StableAbi.PushBack(list, item), "list_push_back");

    internal static nint NewList(int capacity)
    {
        nint list;
        StableAbi.Check(StableAbi.NewList((nuint)capacity, &list), "new_list_reserve_size");
        return list;
    }

    private static ulong List(ReadOnlySpan<long> values)
    {
        var list = NewList(values.Length);
        foreach (var value in values)
            StableAbi.Check(StableAbi.PushBack(list, (ulong)value), "list_push_back");
        return (ulong)list;
    }

    private readonly string Explain(string text)
    {
        var arguments = new List<string>();
        for (var i = 0; i < _tensorCount; i++)
            arguments.Add(TensorText.Describe(_tensors[i]!));
        var invariant = string.Create(
            CultureInfo.InvariantCulture,
            $"{_operator.FullName}({string.Join(", ", arguments)})"
        );
        return $"{invariant} failed: {(text.Length == 0 ? "libtorch gave no reason" : text)}.";
    }
}
