using System.Collections;
using System.Reflection;
using System.Runtime.CompilerServices;
using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>
/// A formula of a method: the very function that its steps call, on given tensors, with gradients by every float one.
/// </summary>
internal sealed class FormulaProbe(
    Formula formula,
    FormulaArguments arguments,
    string who,
    ProbeInput input,
    ProbeSettings settings
) : PluginProbe(who, input, settings)
{
    private readonly List<(string Name, Tensor Value)> _results = [];

    protected override IEnumerable<string> KnownNames =>
        [.. arguments.Tensors.Select(t => t.Name), .. _results.Select(r => $"cotangent.{r.Name}")];

    /// <summary>The probe of a plugin's formula.</summary>
    internal static FormulaProbe For(
        IPluginInstance instance,
        string name,
        string numbers,
        string where,
        ProbeInput input,
        ProbeSettings settings
    )
    {
        var formula = Formula.Find(instance, name);
        var who = $"formula '{name}' of {ProbeRunner.Who(instance.Descriptor)}";
        return new(formula, FormulaArguments.Read(who, input, numbers, where), who, input, settings);
    }

    protected override nn.Module? Make() => null;

    protected override void Compute()
    {
        var values = arguments.For(formula);
        var leaves = arguments.Tensors.Where(t => t.Value.is_floating_point()).ToList();
        foreach (var (_, value) in leaves)
            value.requires_grad_(true);
        var result = ProbeFault.Guard(
            Who,
            () => "",
            () => formula.Method.Invoke(null, BindingFlags.DoNotWrapExceptions, null, values, null)
        );
        _results.AddRange(Named("result", result, formula.Method.ReturnParameter));
        foreach (var (name, value) in _results)
            Output.Add(name, value);
        var weighted = _results.Where(r => Input.Peek($"cotangent.{r.Name}") is not null).ToList();
        // Of several results nobody knows which one is meant.
        if (weighted.Count > 0)
            AddGradients(Pull(weighted), leaves);
        else if (_results is [var one] && one.Value.is_floating_point())
            AddGradients(one.Value.sum(), leaves);
    }

    // Tensors and numbers of a result: itself, the elements of a tuple or list, the properties of a record.
    private static IEnumerable<(string Name, Tensor Value)> Named(string name, object? result, ParameterInfo? of)
    {
        switch (result)
        {
            case null:
                return [];
            case Tensor value:
                return [(name, value)];
            case double or float:
                return [(name, tensor(Convert.ToDouble(result)))];
            case long or int:
                return [(name, tensor(Convert.ToInt64(result)))];
            case bool flag:
                return [(name, tensor(flag))];
            case ITuple tuple:
                var names = of?.GetCustomAttribute<TupleElementNamesAttribute>()?.TransformNames;
                return Enumerable
                    .Range(0, tuple.Length)
                    .SelectMany(i => Named($"{name}.{Formula.TensorName(names?[i] ?? $"{i + 1}")}", tuple[i], null));
            case IEnumerable list:
                return list.Cast<object?>().SelectMany((item, i) => Named($"{name}.{i}", item, null));
            default:
                return result
                    .GetType()
                    .GetProperties(BindingFlags.Public | BindingFlags.Instance)
                    .Where(p => p.GetIndexParameters().Length == 0)
                    .SelectMany(p => Named($"{name}.{Formula.TensorName(p.Name)}", p.GetValue(result), null));
        }
    }
}
