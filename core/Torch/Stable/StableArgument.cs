using static TorchSharp.torch;

namespace KdPlugins.Torch.Stable;

/// <summary>
/// An argument of <see cref="StableOperator.Call(ReadOnlySpan{StableArgument})"/>; made without a cast from a tensor,
/// tensors, a number, numbers, a bool, a text or a dtype. A null tensor is None.
/// </summary>
public readonly struct StableArgument
{
    // First of all, since initialisers run in the order of the text.
    private static readonly object DefaultMark = new();

    private readonly object? _value;

    private StableArgument(object? value) => _value = value;

    /// <summary>None: an absent optional argument.</summary>
    public static StableArgument None => new(null);

    /// <summary>The default that the operator's declaration gives.</summary>
    public static StableArgument Default { get; } = new(DefaultMark);

    internal object? Value => _value;

    internal bool IsDefault => ReferenceEquals(_value, DefaultMark);

    /// <summary>A tensor, or None.</summary>
    public static implicit operator StableArgument(Tensor? value) => new(value);

    /// <summary>A list of tensors.</summary>
    public static implicit operator StableArgument(Tensor[]? value) => new(value);

    /// <summary>A whole number (int, SymInt, and where one is asked for, float).</summary>
    public static implicit operator StableArgument(long value) => new(value);

    /// <summary>A number.</summary>
    public static implicit operator StableArgument(double value) => new(value);

    /// <summary>True or false.</summary>
    public static implicit operator StableArgument(bool value) => new(value);

    /// <summary>A text, or None.</summary>
    public static implicit operator StableArgument(string? value) => new(value);

    /// <summary>A list of whole numbers, such as a shape.</summary>
    public static implicit operator StableArgument(long[]? value) => new(value);

    /// <summary>A list of numbers.</summary>
    public static implicit operator StableArgument(double[]? value) => new(value);

    /// <summary>A dtype.</summary>
    public static implicit operator StableArgument(ScalarType value) => new(value);

    internal string Describe() =>
        _value switch
        {
            null => "None",
            Tensor tensor => TensorText.Describe(tensor),
            Tensor[] tensors => $"{tensors.Length} tensors",
            long[] numbers => TensorText.Shape(numbers),
            double[] numbers => $"{numbers.Length} numbers",
            string text => $"\"{text}\"",
            IFormattable number => number.ToString(null, System.Globalization.CultureInfo.InvariantCulture),
            var other => other.ToString()!,
        };
}
