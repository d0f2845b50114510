using System.Reflection;
using System.Runtime.Loader;
using KdPlugins.Host.Loading.Inspection;

namespace KdPlugins.Host.Loading.Contexts;

/// <summary>
/// What a plugin's context sees of the host: contracts by simple name, and the framework. It stands where
/// McMaster.NETCore.Plugins expects the context to share from, because that package cannot express two rules: it asks for
/// shared names with their version, so that a plugin built against a newer patch would silently get a private copy, and it
/// shares whatever shared assemblies reference, in a list that it changes without a lock while it loads.
/// </summary>
internal sealed class HostGate(string plugin) : AssemblyLoadContext($"{plugin} (host's side)", isCollectible: true)
{
    protected override Assembly Load(AssemblyName assemblyName)
    {
        var name = assemblyName.Name!;
        var neutral = string.IsNullOrEmpty(assemblyName.CultureName);
        if (neutral && ContractAssemblies.IsContract(name))
            return Served(assemblyName, Tier.Contract, Default.LoadFromAssemblyName(new(name)));
        if (neutral && ContractAssemblies.IsFramework(name))
            return Served(assemblyName, Tier.Framework, Default.LoadFromAssemblyName(assemblyName));
        LoadEvents.Log.Resolved(plugin, assemblyName.FullName, nameof(Tier.Private), "");
        // Null would make the runtime look among the host's own assemblies.
        throw new FileNotFoundException($"{name} is not the host's to provide.", name);
    }

    private Assembly Served(AssemblyName asked, Tier tier, Assembly assembly)
    {
        LoadEvents.Log.Resolved(plugin, asked.FullName, tier.ToString(), assembly.FullName ?? "");
        return assembly;
    }
}
