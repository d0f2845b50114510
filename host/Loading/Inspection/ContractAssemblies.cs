using System.Collections.Concurrent;
using System.Reflection;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>Who provides an assembly that a plugin asks for.</summary>
public enum Tier
{
    /// <summary>A contract: always the host's, whatever version is asked for and whatever the plugin ships.</summary>
    Contract,

    /// <summary>The framework.</summary>
    Framework,

    /// <summary>The plugin's own folder, where deps.json says.</summary>
    Private,

    /// <summary>The plugin's own folder, by the file's name.</summary>
    Folder,

    /// <summary>Nobody.</summary>
    Missing,
}

/// <summary>The names that the host provides to plugins, and the versions that it has of them.</summary>
internal static class ContractAssemblies
{
    /// <summary>The names; those of <c>Microsoft.Extensions.*.Abstractions</c> come besides.</summary>
    /// <remarks><c>core/Sdk/build/KdPlugins.Plugin.targets</c> says the same to builds of plugins.</remarks>
    // FSharp.Core and the attributes of MEF are part of the contract because their types cross it; TorchSharp because
    // libtorch can exist only once per process.
    internal static IReadOnlySet<string> Names { get; } =
        new HashSet<string>(StringComparer.OrdinalIgnoreCase)
        {
            "KdPlugins.Sdk",
            "KdPlugins.Core",
            "KdPlugins.Torch",
            "TorchSharp",
            "FSharp.Core",
            "System.Composition.AttributedModel",
            "System.Composition.Runtime",
            "System.Composition.Hosting",
            "Microsoft.Extensions.Options",
        };

    private static readonly Lazy<Dictionary<string, string>> Platform = new(ReadPlatform);
    private static readonly ConcurrentDictionary<string, Version?> Versions = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether the name is one of a contract, whether this host has it or not.</summary>
    internal static bool IsContractName(string name) =>
        Names.Contains(name)
        || (
            name.StartsWith("Microsoft.Extensions.", StringComparison.OrdinalIgnoreCase)
            && name.EndsWith(".Abstractions", StringComparison.OrdinalIgnoreCase)
        );

    /// <summary>Whether the name is a contract that this host has.</summary>
    internal static bool IsContract(string name) => IsContractName(name) && Provided(name) is not null;

    /// <summary>Whether the framework has the name.</summary>
    internal static bool IsFramework(string name) =>
        Platform.Value.TryGetValue(name, out var path) && !IsApplication(path);

    /// <summary>The host's version of an assembly, or null where it has none.</summary>
    internal static Version? Provided(string name) => Versions.GetOrAdd(name, ReadVersion);

    /// <summary>The path of the host's copy, or null.</summary>
    internal static string? PathOf(string name) => Platform.Value.GetValueOrDefault(name);

    private static bool IsApplication(string path) =>
        Path.GetDirectoryName(path) == Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);

    private static Version? ReadVersion(string name) =>
        PathOf(name) is { } path ? AssemblyName.GetAssemblyName(path).Version : null;

    private static Dictionary<string, string> ReadPlatform()
    {
        var list = (string?)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") ?? "";
        var found = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var path in list.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
            found.TryAdd(Path.GetFileNameWithoutExtension(path), path);
        return found;
    }
}
