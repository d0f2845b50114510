using System.Runtime.Loader;
using System.Text;
using KdPlugins.Host.Loading.Inspection;

namespace KdPlugins.Host.Loading.Folders;

/// <summary>Where an assembly that a plugin references comes from.</summary>
/// <param name="Name">The simple name.</param>
/// <param name="Requested">The version that is asked for.</param>
/// <param name="RequestedBy">The assembly of the plugin that asks.</param>
/// <param name="Tier">Who provides it.</param>
/// <param name="Path">The file; null where there is none.</param>
/// <param name="Context">The load context that has or would have it.</param>
/// <param name="IsLoaded">Whether the plugin's context has loaded it by now; always true for the host's.</param>
/// <param name="Rejected">The places that were passed over, each with its reason.</param>
public sealed record AssemblyResolution(
    string Name,
    Version Requested,
    string RequestedBy,
    Tier Tier,
    string? Path,
    string Context,
    bool IsLoaded,
    IReadOnlyList<string> Rejected
);

/// <summary>Everything the host knows about the plugins of an id.</summary>
/// <param name="Plugins">The plugins of that id, active or not.</param>
/// <param name="Folders">Their folders.</param>
/// <param name="Assemblies">Every reference of every assembly in those folders.</param>
public sealed record Explanation(
    IReadOnlyList<PluginStatus> Plugins,
    IReadOnlyList<FolderStatus> Folders,
    IReadOnlyList<AssemblyResolution> Assemblies
)
{
    /// <summary>The whole as text, for a terminal.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var plugin in Plugins)
            text.AppendLine(
                $"{plugin.Kind.ToString().ToLowerInvariant()} '{plugin.Id}' {plugin.Version} in '{plugin.Folder}': "
                    + $"{plugin.State}{(plugin.Reason is null ? "" : $". {plugin.Reason}")}"
            );
        foreach (var folder in Folders)
        {
            text.AppendLine($"folder {folder.Path}: {folder.State}");
            foreach (var finding in folder.Findings)
                text.AppendLine($"  {finding.Severity.ToString().ToLowerInvariant()}: {finding}");
        }
        foreach (var assembly in Assemblies)
        {
            text.AppendLine(
                $"  {assembly.RequestedBy} -> {assembly.Name} {assembly.Requested}: {assembly.Tier}, "
                    + $"{assembly.Path ?? "no file"}, context {assembly.Context}{(assembly.IsLoaded ? "" : ", not loaded")}"
            );
            foreach (var probe in assembly.Rejected)
                text.AppendLine($"    not {probe}");
        }
        return text.ToString();
    }
}

/// <summary>Says for every reference which tier serves it, by the rules that the context follows.</summary>
internal static class Resolutions
{
    internal static IEnumerable<AssemblyResolution> Of(PreFlightReport report, IReadOnlyCollection<string> loaded)
    {
        if (report.Entry is not { } entry)
            yield break;
        // The runtime's reader is for files that pre-flight has found to be whole.
        var resolver = report.Findings.Exists(f =>
            f is { Severity: Severity.Error, Code: var c } && c == HostErrors.BadManifest
        )
            ? null
            : Resolver(System.IO.Path.Combine(report.Folder, entry.Path));
        foreach (var assembly in report.Assemblies.Values.OrderBy(a => a.Path, StringComparer.Ordinal))
            if (!ContractAssemblies.IsContract(assembly.Facts.Name))
                foreach (var reference in assembly.Facts.References.OrderBy(r => r.Name, StringComparer.Ordinal))
                    yield return One(report, assembly.Facts.Name, reference, resolver, loaded);
    }

    private static AssemblyResolution One(
        PreFlightReport report,
        string by,
        ReferenceFact reference,
        AssemblyDependencyResolver? resolver,
        IReadOnlyCollection<string> loaded
    )
    {
        var name = reference.Name;
        var own = System.IO.Path.Combine(report.Folder, $"{name}.dll");
        List<string> rejected = [];
        AssemblyResolution Answer(Tier tier, string? path, string context, bool isLoaded) =>
            new(name, reference.Version, by, tier, path, context, isLoaded, rejected);

        var isContract = ContractAssemblies.IsContract(name);
        if (isContract || ContractAssemblies.IsFramework(name))
        {
            if (File.Exists(own))
                rejected.Add($"{own}: the host's copy always wins");
            var tier = isContract ? Tier.Contract : Tier.Framework;
            return Answer(tier, ContractAssemblies.PathOf(name), "Default", true);
        }
        rejected.Add(
            ContractAssemblies.PathOf(name) is { } hosts
                ? $"{hosts}: the host's own dependency, not a contract"
                : "the host: neither a contract nor part of the framework"
        );
        if (resolver?.ResolveAssemblyToPath(new(name)) is { } listed)
            return Answer(Tier.Private, listed, report.Name, loaded.Contains(name));
        rejected.Add(
            resolver is null
                ? "deps.json: there is none that can be read"
                : "deps.json: not listed, or its file is gone"
        );
        if (report.Assemblies.ContainsKey(name))
            return Answer(Tier.Folder, own, report.Name, loaded.Contains(name));
        rejected.Add($"{own}: {report.Unreadable.GetValueOrDefault($"{name}.dll", "does not exist")}");
        return Answer(Tier.Missing, null, "none", false);
    }

    private static AssemblyDependencyResolver? Resolver(string path)
    {
        // Without a deps.json the runtime's resolver takes what lies in the folder, which is the next tier here.
        if (!File.Exists(System.IO.Path.ChangeExtension(path, ".deps.json")))
            return null;
        try
        {
            return new(path);
        }
        catch (InvalidOperationException)
        {
            // The runtime refuses a deps.json that it cannot read; pre-flight has said so.
            return null;
        }
    }
}
