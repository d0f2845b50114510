using System.Reflection;
using System.Runtime.Loader;

namespace KdPlugins.Testing;

/// <summary>
/// Plugin classes as a new process would have them: their assemblies are loaded another time, so that every static field
/// begins anew. What they refer to (TorchSharp, the Sdk, other plugins) is shared.
/// </summary>
internal sealed class FreshPlugins : AssemblyLoadContext, IDisposable
{
    private readonly HashSet<string> _names;

    /// <param name="types">Classes of the assemblies to load; those of this kit stay as they are.</param>
    internal FreshPlugins(IReadOnlyList<Type> types)
        : base(nameof(FreshPlugins), isCollectible: true)
    {
        _names = [.. types.Select(t => t.Assembly).Where(CanLoad).Select(a => a.GetName().Name!)];
        Types = [.. types.Select(Fresh)];
    }

    /// <summary>The classes, in the order they were given.</summary>
    internal IReadOnlyList<Type> Types { get; }

    /// <summary>Lets go of the assemblies.</summary>
    public void Dispose() => Unload();

    /// <inheritdoc/>
    protected override Assembly? Load(AssemblyName name) =>
        _names.Contains(name.Name!) && Original(name.Name!) is { } original
            ? LoadFromAssemblyPath(original.Location)
            : null;

    private static bool CanLoad(Assembly assembly) =>
        assembly != typeof(FreshPlugins).Assembly && assembly.Location.Length > 0;

    private static Assembly? Original(string name) =>
        AppDomain
            .CurrentDomain.GetAssemblies()
            .FirstOrDefault(a =>
                a.GetName().Name == name && a.Location.Length > 0 && GetLoadContext(a) is not FreshPlugins
            );

    private Type Fresh(Type type) =>
        _names.Contains(type.Assembly.GetName().Name!) && CanLoad(type.Assembly)
            ? LoadFromAssemblyPath(type.Assembly.Location).GetType(type.FullName!, throwOnError: true)!
            : type;
}
