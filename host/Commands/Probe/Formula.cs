using System.Reflection;
using System.Text.Json;
using KdPlugins.Core;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>A function that a plugin's assembly, or the core, offers by <see cref="FormulaAttribute"/>.</summary>
internal sealed record Formula(string Name, string Description, MethodInfo Method)
{
    /// <summary>The formulas of a plugin's assembly, then those of the core whose names it has not; by name.</summary>
    internal static IReadOnlyList<Formula> Of(IPluginInstance instance) =>
        [
            .. In(instance.Plugin.GetType().Assembly)
                .Concat(In(typeof(FormulaAttribute).Assembly))
                .DistinctBy(f => f.Name)
                .OrderBy(f => f.Name, StringComparer.Ordinal),
        ];

    /// <summary>The formula of a name.</summary>
    /// <exception cref="KdPlugins.Torch.KdException"><c>KDP0808</c>, with those that there are.</exception>
    internal static Formula Find(IPluginInstance instance, string name)
    {
        var all = Of(instance);
        var names = all.Select(f => f.Name).ToList();
        return all.FirstOrDefault(f => f.Name == name)
            ?? throw ProbeFault.Kind(
                $"{ProbeRunner.Who(instance.Descriptor)} offers no formula '{name}'. {Nearest.Ask(name, names)} It offers "
                    + (names.Count == 0 ? "none." : $"{string.Join(", ", names)}.")
            );
    }

    /// <summary>What it takes, tensors by the names of the input and numbers by those of the options.</summary>
    internal string Signature => string.Join(", ", Method.GetParameters().Select(p => FormulaArguments.Describe(p)));

    private static IEnumerable<Formula> In(Assembly assembly) =>
        from type in assembly.GetTypes()
        from method in type.GetMethods(
            BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.DeclaredOnly
        )
        let offered = method.GetCustomAttribute<FormulaAttribute>()
        where offered is not null && !method.ContainsGenericParameters
        select new Formula(offered!.Name, offered.Description, method);

    /// <summary>A name of code as names of tensors are: logVariance is log-variance.</summary>
    internal static string TensorName(string name) => JsonNamingPolicy.KebabCaseLower.ConvertName(name);
}
