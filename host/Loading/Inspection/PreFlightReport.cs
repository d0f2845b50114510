using KdPlugins.Host.Loading.Files;
using KdPlugins.Host.Loading.Manifest;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>A managed assembly of a plugin's folder.</summary>
/// <param name="Path">Relative to the folder, with '/'.</param>
/// <param name="Sha256">Of the bytes that the facts were read from.</param>
/// <param name="Facts">What it says about itself.</param>
internal sealed record InspectedAssembly(string Path, string Sha256, AssemblyFacts Facts);

/// <summary>What is known about a plugin's folder before anything of it is loaded.</summary>
internal sealed class PreFlightReport(string name, string folder)
{
    /// <summary>The folder's own name: what the plugin folder is called in messages.</summary>
    internal string Name { get; } = name;

    /// <summary>The folder's path.</summary>
    internal string Folder { get; } = folder;

    /// <summary>Everything there is to say.</summary>
    internal List<Finding> Findings { get; } = [];

    /// <summary>The files, as they were.</summary>
    internal FolderSnapshot? Snapshot { get; set; }

    /// <summary>plugin.json, where there is one.</summary>
    internal PluginManifest? Manifest { get; set; }

    /// <summary>The managed assemblies in the folder itself, by simple name.</summary>
    internal Dictionary<string, InspectedAssembly> Assemblies { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The .dll files that are no assemblies, with the reason.</summary>
    internal Dictionary<string, string> Unreadable { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The assembly that holds the plugins.</summary>
    internal InspectedAssembly? Entry { get; set; }

    /// <summary>The entry's bytes: what was inspected is what is loaded.</summary>
    internal byte[] EntryImage { get; set; } = [];

    /// <summary>Whether loading may go on.</summary>
    internal bool IsAccepted => Entry is not null && Findings.All(f => f.Severity != Severity.Error);

    /// <summary>The first error, for whoever asks why.</summary>
    internal Finding? Refusal => Findings.Find(f => f.Severity == Severity.Error);
}
