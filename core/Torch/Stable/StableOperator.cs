using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Stable;

/// <summary>
/// A libtorch operator that TorchSharp does not have, called by its declaration. Autograd, autocast and devices apply as
/// to any operator.
/// </summary>
/// <example>
/// <code>
/// static readonly StableOperator Mish = StableOperator.FromSchema("aten::mish(Tensor self) -> Tensor");
/// Tensor y = Mish.Call(x);
/// </code>
/// </example>
public sealed unsafe class StableOperator
{
    private const int StackSlots = 32;
    private static readonly ConcurrentDictionary<string, StableOperator> Known = new(StringComparer.Ordinal);

    private readonly Lazy<StableSchema>? _schema;

    /// <summary>By name only, for code of this assembly that pushes every argument itself.</summary>
    internal StableOperator(string name, string overload = "")
    {
        FullName = overload.Length == 0 ? name : $"{name}.{overload}";
        Name = (byte*)Marshal.StringToCoTaskMemUTF8(name);
        Overload = (byte*)Marshal.StringToCoTaskMemUTF8(overload);
    }

    private StableOperator(string name, string overload, string schema)
        : this(name, overload) => _schema = new(() => Find(schema));

    /// <summary>Name and overload, such as <c>aten::mul.Tensor</c>.</summary>
    public string FullName { get; }

    internal byte* Name { get; }
    internal byte* Overload { get; }

    /// <summary>
    /// An operator by its declaration, as PyTorch's <c>native_functions.yaml</c> writes it with the namespace in front.
    /// At the first call it is compared with the declaration in the libtorch in use (some milliseconds, once), since a
    /// wrong one would make libtorch read arguments that are not there.
    /// </summary>
    /// <param name="schema">
    /// Such as <c>aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor</c>. Parameters may be tensors,
    /// int, float, bool, str, ScalarType, their lists and options; others only as their default None. Results are tensors.
    /// </param>
    /// <returns>The operator; nothing can fail yet, so that it can be kept in a static field.</returns>
    public static StableOperator FromSchema(string schema)
    {
        ArgumentNullException.ThrowIfNull(schema);
        return Known.GetOrAdd(
            schema,
            text =>
            {
                var name = text.Split('(', 2)[0];
                var dot = name.IndexOf('.');
                return dot < 0 ? new(name, "", text) : new(name[..dot], name[(dot + 1)..], text);
            }
        );
    }

    /// <summary>Compares the declaration with libtorch's now, as a plugin's tests may want to.</summary>
    /// <exception cref="KdException"><c>KDP0008</c>: it cannot be read, or libtorch declares the operator otherwise.</exception>
    public void Check() => _ = Schema;

    /// <summary>Calls the operator, which has one tensor as its result.</summary>
    /// <param name="arguments">In the declaration's order; those left out at the end take their defaults.</param>
    /// <returns>The result, in the current dispose scope. For an in-place operator, another handle to the changed tensor.</returns>
    /// <exception cref="KdException">
    /// <c>KDP0008</c>: as <see cref="Check"/>. <c>KDP0009</c>: the arguments are not those of the declaration. <c>KDP0002</c>: libtorch refused them; the
    /// message has the operator, shapes, dtypes and libtorch's text.
    /// </exception>
    public Tensor Call(params ReadOnlySpan<StableArgument> arguments)
    {
        var schema = Schema;
        if (schema.Results != 1 || schema.ResultIsList)
            throw WrongCall($"has {(schema.ResultIsList ? "a list of" : schema.Results)} results; call CallAll");
        Span<ulong> stack = stackalloc ulong[StackSlots];
        var call = Invoke(arguments, stack);
        return call.Take(0);
    }

    /// <inheritdoc cref="Call(ReadOnlySpan{StableArgument})"/>
    public Tensor Call(params StableArgument[] arguments) => Call(arguments.AsSpan());

    /// <summary>Calls the operator, whatever number of tensors it gives.</summary>
    /// <param name="arguments">In the declaration's order; those left out at the end take their defaults.</param>
    /// <returns>The results, in the current dispose scope; null where the operator gives an undefined tensor.</returns>
    /// <exception cref="KdException">As <see cref="Call(ReadOnlySpan{StableArgument})"/>.</exception>
    public Tensor?[] CallAll(params ReadOnlySpan<StableArgument> arguments)
    {
        var schema = Schema;
        Span<ulong> stack = stackalloc ulong[StackSlots];
        var call = Invoke(arguments, stack);
        if (schema.ResultIsList)
            return call.TakeList(0);
        var results = new Tensor?[schema.Results];
        for (var i = 0; i < results.Length; i++)
            results[i] = call.TakeOptional(i);
        return results;
    }

    /// <inheritdoc cref="CallAll(ReadOnlySpan{StableArgument})"/>
    public Tensor?[] CallAll(params StableArgument[] arguments) => CallAll(arguments.AsSpan());

    private StableSchema Schema =>
        (_schema ?? throw new InvalidOperationException($"{FullName} was made without its declaration.")).Value;

    private StableCall Invoke(ReadOnlySpan<StableArgument> arguments, Span<ulong> stack)
    {
        var parameters = Schema.Parameters;
        if (arguments.Length > parameters.Count)
            throw WrongCall($"takes {parameters.Count} arguments, got {arguments.Length}");
        var call = new StableCall(this, stack);
        // Everything is checked before anything is pushed: what is pushed and not called would leak.
        var values = new object?[parameters.Count];
        for (var i = 0; i < values.Length; i++)
            values[i] = StableEncoder.Check(
                this,
                parameters[i],
                i < arguments.Length ? arguments[i] : StableArgument.Default
            );
        for (var i = 0; i < values.Length; i++)
            StableEncoder.Push(ref call, parameters[i], values[i]);
        call.Invoke();
        return call;
    }

    internal KdException WrongCall(string detail) =>
        new(TorchErrors.OperatorCall, $"{FullName} {detail}. It is declared {Schema.Text}.");

    private static StableSchema Find(string text)
    {
        StableSchema schema;
        try
        {
            schema = StableSchema.Parse(text);
        }
        catch (FormatException e)
        {
            throw new KdException(
                TorchErrors.OperatorDeclaration,
                $"The declaration {text} cannot be used: {e.Message}."
            );
        }
        if (Math.Max(schema.Parameters.Count, schema.Results) > StackSlots)
            throw new KdException(
                TorchErrors.OperatorDeclaration,
                $"The declaration {text} has more than {StackSlots} parameters."
            );
        if (!OperatorDeclarations.Contain(schema))
            throw new KdException(
                TorchErrors.OperatorDeclaration,
                $"libtorch {Native.NativeCandidate.LibTorchVersion} does not declare {text}. "
                    + (
                        OperatorDeclarations.Of(schema.Name) is { Count: > 0 } others
                            ? $"It declares: {string.Join("; ", others)}."
                            : $"It has no {schema.Name}."
                    )
            );
        return schema;
    }
}
