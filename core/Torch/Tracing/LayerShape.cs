using System.Text.Json;
using System.Text.Json.Serialization;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>What a layer computes.</summary>
public enum LayerKind
{
    /// <summary>A matrix product with what goes in.</summary>
    Linear,

    /// <summary>A convolution of one to three dimensions.</summary>
    Convolution,

    /// <summary>A transposed convolution of one to three dimensions.</summary>
    Transposed,

    /// <summary>A convolution for inference, with what follows it in one kernel.</summary>
    Frozen,
}

/// <summary>
/// A computation of one layer, with all that chooses libtorch's kernel for it: equal texts are equal computations. Batches are
/// cut (see <see cref="LayerTrace"/>), so that one shape stands for all of them.
/// </summary>
public sealed record LayerShape
{
    private static readonly JsonSerializerOptions Form = new()
    {
        Converters = { new JsonStringEnumConverter() },
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
    };

    /// <summary>What it computes.</summary>
    public LayerKind Kind { get; init; }

    /// <summary>Of what goes in: <c>[batch, channels, ...]</c>, padding that no kernel does included; or <c>[rows, inputs]</c>.</summary>
    public required IReadOnlyList<long> Input { get; init; }

    /// <summary>Of the weight, as libtorch has it.</summary>
    public required IReadOnlyList<long> Weight { get; init; }

    /// <summary>Pixels, per dimension; empty for linear layers, as the next three.</summary>
    public IReadOnlyList<long> Stride { get; init; } = [];

    /// <summary>Zeros on each side.</summary>
    public IReadOnlyList<long> Padding { get; init; } = [];

    /// <summary>Distance of the kernel's pixels.</summary>
    public IReadOnlyList<long> Dilation { get; init; } = [];

    /// <summary>Of transposed convolutions: what is added at one side.</summary>
    public IReadOnlyList<long> OutputPadding { get; init; } = [];

    /// <summary>Channel groups; 0 for linear layers.</summary>
    public long Groups { get; init; }

    /// <summary>Whether it has a bias.</summary>
    public bool HasBias { get; init; }

    /// <summary>Whether a frozen convolution ends with a ReLU.</summary>
    public bool HasRelu { get; init; }

    /// <summary>Whether a frozen convolution adds a residual.</summary>
    public bool HasResidual { get; init; }

    /// <summary>What it computes in: Float32 or BFloat16.</summary>
    public ScalarType Type { get; init; }

    /// <summary>Whether what goes in is in channels_last layout.</summary>
    public bool ChannelsLast { get; init; }

    /// <summary>Whether the weight is.</summary>
    public bool WeightChannelsLast { get; init; }

    /// <summary>Whether the gradient of what goes in is needed.</summary>
    public bool NeedsInput { get; init; }

    /// <summary>Whether the gradients of weight and bias are needed.</summary>
    public bool NeedsWeight { get; init; }

    /// <summary>Whether it is computed as a product of matrices in place of libtorch's kernel for it.</summary>
    public bool AsProduct { get; init; }

    /// <summary>The same, computed as a product of matrices.</summary>
    public LayerShape ByProduct() => this with { AsProduct = true };

    /// <summary>One line of JSON that says all of it.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Form);

    /// <summary>The way back from <see cref="ToJson"/>; null where the text says no shape.</summary>
    public static LayerShape? Parse(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<LayerShape>(text, Form);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>For people, without what differs between passes.</summary>
    public override string ToString()
    {
        var layout =
            Input.Count != 4 ? ""
            : ChannelsLast ? ", channels_last"
            : ", contiguous";
        return $"{Geometry()}, {Type}{layout}";
    }

    private string Geometry()
    {
        if (Kind == LayerKind.Linear)
            return $"linear {Weight[1]} -> {Weight[0]}, {Input[0]} row{(Input[0] == 1 ? "" : "s")}";
        var outputs = Kind == LayerKind.Transposed ? Weight[1] * Groups : Weight[0];
        var name = Kind switch
        {
            LayerKind.Transposed => "transposed convolution",
            LayerKind.Frozen => "frozen convolution",
            _ => "convolution",
        };
        return $"{name} {Input[1]} -> {outputs}, {By(Weight.Skip(2))}, stride {Short(Stride)}"
            + (Groups == 1 ? "" : $", {Groups} groups")
            + (Padding.All(p => p == 0) ? "" : $", padding {Short(Padding)}")
            + (Dilation.All(d => d == 1) ? "" : $", dilation {Short(Dilation)}")
            + (HasResidual ? ", with a residual" : "")
            + (HasRelu ? ", with ReLU" : "")
            + $", on {Input[0]} times {By(Input.Skip(2))}";
    }

    private static string By(IEnumerable<long> numbers) => string.Join('x', numbers);

    private static string Short(IReadOnlyList<long> numbers) =>
        numbers.Distinct().Count() == 1 ? $"{numbers[0]}" : By(numbers);
}
