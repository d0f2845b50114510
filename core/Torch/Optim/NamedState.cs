using System.Text.Json;
using System.Text.Json.Serialization;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Optim;

/// <summary>A parameter group in a saved state.</summary>
/// <param name="Parameters">The names of its parameters.</param>
/// <param name="Options">Its hyper-parameters by PyTorch's names, such as <c>lr</c>; switches are 0 or 1.</param>
public sealed record NamedGroupState(IReadOnlyList<string> Parameters, IReadOnlyDictionary<string, double> Options);

/// <summary>
/// The whole state of an optimiser as tensors by name, ready for a weight file: for each parameter <c>NAME.step</c>
/// (Int64, no dimensions) and, once updated, its running tensors such as <c>NAME.momentum_buffer</c> or
/// <c>NAME.exp_avg</c>; and under <see cref="DescriptionKey"/> the method and the groups, as JSON in bytes.
/// </summary>
public sealed class NamedState : IDisposable
{
    /// <summary>The entry that holds method and groups.</summary>
    public const string DescriptionKey = "@optimizer";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    private readonly bool _owns;

    private NamedState(Description description, IReadOnlyDictionary<string, Tensor> tensors, bool owns)
    {
        Algorithm = description.Algorithm;
        Groups = description.Groups;
        Tensors = tensors;
        _owns = owns;
    }

    private sealed record Description(string Algorithm, IReadOnlyList<NamedGroupState> Groups);

    /// <summary>The method, as <see cref="NamedOptimizer.Algorithm"/>.</summary>
    public string Algorithm { get; }

    /// <summary>The groups, in the optimiser's order.</summary>
    public IReadOnlyList<NamedGroupState> Groups { get; }

    /// <summary>Every entry by name, the description too.</summary>
    public IReadOnlyDictionary<string, Tensor> Tensors { get; }

    /// <summary>Reads a state back from the entries of <see cref="Tensors"/>. The tensors stay the caller's.</summary>
    /// <exception cref="KdException"><c>KDP0650</c>: there is no description, or it is damaged.</exception>
    public static NamedState FromTensors(IReadOnlyDictionary<string, Tensor> tensors)
    {
        if (!tensors.TryGetValue(DescriptionKey, out var bytes))
            throw Damaged($"has no entry '{DescriptionKey}'");
        if (bytes.dtype != ScalarType.Byte || bytes.dim() != 1)
            throw Damaged($"has an entry '{DescriptionKey}' of {TensorText.Describe(bytes)}, expected Byte[n]");
        try
        {
            using var scope = NewDisposeScope();
            var text = bytes.cpu().contiguous().data<byte>().ToArray();
            var description = JsonSerializer.Deserialize<Description>(text, Json);
            if (description is null || description.Groups.Any(g => g is null))
                throw new JsonException("null where an object belongs");
            return new NamedState(description, tensors, owns: false);
        }
        catch (JsonException e)
        {
            throw Damaged($"has an entry '{DescriptionKey}' that cannot be read ({e.Message})");
        }
    }

    /// <summary>Disposes the tensors of a state that an optimiser exported; a state that was read owns none.</summary>
    public void Dispose()
    {
        if (!_owns)
            return;
        foreach (var tensor in Tensors.Values)
            tensor.Dispose();
    }

    /// <summary>Takes over the tensors, and adds the description.</summary>
    internal static NamedState Own(
        string algorithm,
        IReadOnlyList<NamedGroupState> groups,
        Dictionary<string, Tensor> tensors
    )
    {
        var description = new Description(algorithm, groups);
        var bytes = JsonSerializer.SerializeToUtf8Bytes(description, Json);
        tensors[DescriptionKey] = tensor(bytes, ScalarType.Byte).DetachFromDisposeScope();
        return new NamedState(description, tensors, owns: true);
    }

    private static KdException Damaged(string what) => new(OptimErrors.State, $"The optimiser state {what}.");
}
