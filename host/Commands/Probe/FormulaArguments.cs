using System.Reflection;
using System.Text.Json;
using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>The arguments of a formula: tensors from the input, numbers, flags and names from a JSON object.</summary>
internal sealed class FormulaArguments(string who, ProbeInput input, IReadOnlyDictionary<string, JsonElement> numbers)
{
    private readonly NullabilityInfoContext _nullability = new();

    /// <summary>Reads the numbers.</summary>
    /// <param name="who">The formula, for messages.</param>
    /// <param name="input">The tensors.</param>
    /// <param name="json">A JSON object.</param>
    /// <param name="where">Where it stands.</param>
    /// <exception cref="KdPlugins.Torch.KdException"><c>KDP0811</c>: it is none.</exception>
    internal static FormulaArguments Read(string who, ProbeInput input, string json, string where)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new() { AllowDuplicateProperties = false, MaxDepth = 8 });
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                return new(
                    who,
                    input,
                    document.RootElement.EnumerateObject().ToDictionary(p => p.Name, p => p.Value.Clone())
                );
            throw ProbeFault.Arguments($"{where} is no JSON object.");
        }
        catch (JsonException e)
        {
            throw ProbeFault.Arguments($"{where} is no JSON object: {e.Message}");
        }
    }

    /// <summary>The tensors that were taken, by their names in the input.</summary>
    internal List<(string Name, Tensor Value)> Tensors { get; } = [];

    /// <summary>What a formula is called with.</summary>
    /// <exception cref="KdPlugins.Torch.KdException">
    /// <c>KDP0806</c>: a tensor is missing; <c>KDP0811</c>: a number is missing, of another type, or nothing reads it.
    /// </exception>
    internal object?[] For(Formula formula)
    {
        var parameters = formula.Method.GetParameters();
        var names = parameters.Where(p => !IsTensor(p.ParameterType)).Select(p => p.Name!).ToList();
        if (numbers.Keys.FirstOrDefault(n => !names.Contains(n)) is { } unread)
            throw ProbeFault.Arguments(
                $"{who} takes no \"{unread}\". {Nearest.Ask(unread, names)} It takes: {formula.Signature}."
            );
        return [.. parameters.Select(Argument)];
    }

    /// <summary>A parameter in words.</summary>
    internal static string Describe(ParameterInfo p)
    {
        var name = IsTensor(p.ParameterType) ? $"'{Formula.TensorName(p.Name!)}'" : $"\"{p.Name}\"";
        return p.ParameterType switch
        {
            var t when t == typeof(Tensor) => $"tensor {name}",
            var t when t == typeof(IReadOnlyList<Tensor>) => $"tensors {name[..^1]}.0', ...",
            var t when t == typeof(IReadOnlyList<double>) => $"numbers {name}",
            var t when t == typeof(IReadOnlyList<long>) => $"whole numbers {name}",
            var t when t == typeof(bool) => $"flag {name}",
            var t when t == typeof(long) || t == typeof(int) => $"whole number {name}",
            { IsEnum: true } t => $"{name} ({string.Join(", ", Enum.GetNames(t).Select(Formula.TensorName))})",
            _ => $"number {name}",
        };
    }

    private static bool IsTensor(Type type) => type == typeof(Tensor) || type == typeof(IReadOnlyList<Tensor>);

    private object? Argument(ParameterInfo p)
    {
        var name = Formula.TensorName(p.Name!);
        if (p.ParameterType == typeof(Tensor))
            return Take(name, _nullability.Create(p).WriteState == NullabilityState.Nullable);
        if (p.ParameterType == typeof(IReadOnlyList<Tensor>))
        {
            var all = new List<Tensor>();
            while (input.Peek($"{name}.{all.Count}") is not null)
                all.Add(Take($"{name}.{all.Count}", false)!);
            return all;
        }
        if (numbers.TryGetValue(p.Name!, out var given))
            return Number(p, given);
        return p.HasDefaultValue
            ? p.DefaultValue
            : throw ProbeFault.Arguments($"{who} needs {Describe(p)}, which the options do not give.");
    }

    private Tensor? Take(string name, bool isOptional)
    {
        var found = isOptional ? input.Find(name) : input.Need(name, $"{who} takes it.");
        if (found is not null)
            Tensors.Add((name, found));
        return found;
    }

    private object Number(ParameterInfo p, JsonElement given)
    {
        var type = p.ParameterType;
        object? read = given.ValueKind switch
        {
            JsonValueKind.Number when type == typeof(double) => given.GetDouble(),
            JsonValueKind.Number when type == typeof(long) && given.TryGetInt64(out var whole) => whole,
            JsonValueKind.Number when type == typeof(int) && given.TryGetInt32(out var whole) => whole,
            JsonValueKind.True or JsonValueKind.False when type == typeof(bool) => given.GetBoolean(),
            JsonValueKind.String when type.IsEnum => Enum.GetNames(type)
                .Where(n => Formula.TensorName(n) == given.GetString())
                .Select(n => Enum.Parse(type, n))
                .FirstOrDefault(),
            JsonValueKind.Array when given.EnumerateArray().All(n => n.ValueKind == JsonValueKind.Number) => List(),
            _ => null,
        };
        return read ?? throw ProbeFault.Arguments($"{who} got {given.GetRawText()} for {Describe(p)}.");

        object? List() =>
            type == typeof(IReadOnlyList<double>) ? (double[])[.. given.EnumerateArray().Select(n => n.GetDouble())]
            : type == typeof(IReadOnlyList<long>) && given.EnumerateArray().All(n => n.TryGetInt64(out _))
                ? (long[])[.. given.EnumerateArray().Select(n => n.GetInt64())]
            : null;
    }
}
