using KdPlugins.Core;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>A reference to another assembly, as the metadata has it.</summary>
internal sealed record ReferenceFact(string Name, Version Version);

/// <summary>A class that carries one of the SDK's export attributes.</summary>
/// <param name="Kind">The kind of plugin.</param>
/// <param name="Id">The id in recipes.</param>
/// <param name="Version">The version as written.</param>
/// <param name="Description">One line.</param>
/// <param name="Paper">Where it was published.</param>
/// <param name="TypeName">The class's full name.</param>
/// <param name="Problem">Why the composition would pass it over, or null.</param>
internal sealed record PartFact(
    PluginKind Kind,
    string Id,
    string Version,
    string Description,
    string Paper,
    string TypeName,
    string? Problem
);

/// <summary>What an assembly's metadata says, read without loading it.</summary>
internal sealed record AssemblyFacts
{
    /// <summary>The simple name.</summary>
    public required string Name { get; init; }

    /// <summary>The assembly's version.</summary>
    public required Version Version { get; init; }

    /// <summary>The value of TargetFrameworkAttribute, such as ".NETCoreApp,Version=v10.0"; null where there is none.</summary>
    public string? Framework { get; init; }

    /// <summary>What the machine field says, where this process cannot run it; null where it can.</summary>
    public string? ForeignMachine { get; init; }

    /// <summary>The referenced assemblies.</summary>
    public IReadOnlyList<ReferenceFact> References { get; init; } = [];

    /// <summary>The classes with the SDK's export attributes.</summary>
    public IReadOnlyList<PartFact> Parts { get; init; } = [];

    /// <summary>Classes with attributes of the older MEF, which nothing here reads.</summary>
    public IReadOnlyList<string> Mef1Types { get; init; } = [];

    /// <summary>Classes that export a contract without the SDK's attribute, and so without an id.</summary>
    public IReadOnlyList<string> BareExports { get; init; } = [];

    /// <summary>Called members that end the process.</summary>
    public IReadOnlyList<string> Exits { get; init; } = [];

    /// <summary>Used members that are known to keep an unloaded plugin in memory.</summary>
    public IReadOnlyList<string> Holders { get; init; } = [];

    /// <summary>What it was built against and this host's contracts have not.</summary>
    public IReadOnlyList<UnmetReference> Unmet { get; init; } = [];

    /// <summary>The native libraries that it imports from, as it calls them.</summary>
    public IReadOnlyList<string> NativeImports { get; init; } = [];

    /// <summary>Whether it references the SDK.</summary>
    public bool UsesSdk => References.Any(r => r.Name == "KdPlugins.Sdk");
}
