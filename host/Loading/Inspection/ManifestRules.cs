using KdPlugins.Host.Loading.Manifest;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>Compares what plugin.json says with the files, the host and the machine.</summary>
internal static class ManifestRules
{
    internal static void Check(PreFlightReport report, PluginManifest manifest, HostCapabilities machine)
    {
        var provided = ContractAssemblies.Provided("KdPlugins.Sdk")!;
        if (manifest.Sdk is { } range && !range.Contains(provided))
            report.Findings.Add(
                Finding.Error(
                    HostErrors.ContractMismatch,
                    $"plugin '{report.Name}' asks for KdPlugins.Sdk {manifest.SdkText} in plugin.json, this host provides {provided}."
                )
            );
        var actual = report.Entry!.Facts.Parts.Select(p => p.Kind).ToHashSet();
        if (manifest.Kinds.Count > 0 && !actual.SetEquals(manifest.Kinds))
            report.Findings.Add(
                Finding.Warning(
                    HostErrors.BadManifest,
                    $"plugin.json of '{report.Name}' lists the kinds {string.Join(", ", manifest.Kinds)}; the assembly has {string.Join(", ", actual.Order())}."
                )
            );
        foreach (var file in manifest.Assemblies.Concat(manifest.Files))
            CheckHash(report, file);
        CheckRequirements(report, manifest, machine);
    }

    // Data files have no hash here: they are not code, and may be large.
    private static void CheckHash(PreFlightReport report, ManifestAssembly listed)
    {
        var file = report.Snapshot!.Files.FirstOrDefault(f => f.Path == listed.Path);
        var problem =
            file is null ? "is not there"
            : file.Sha256.Length > 0 && file.Sha256 != listed.Sha256
                ? $"has the SHA-256 {file.Sha256}, not {listed.Sha256}"
            : null;
        if (problem is not null)
            report.Findings.Add(
                Finding.Error(
                    HostErrors.BadManifest,
                    $"plugin.json of '{report.Name}' lists {listed.Path}, which {problem}.",
                    "Copy the plugin again from its source, or write plugin.json anew with the build."
                )
            );
    }

    private static void CheckRequirements(PreFlightReport report, PluginManifest manifest, HostCapabilities machine)
    {
        if (manifest.RequiresCuda && !machine.HasCuda())
            report.Findings.Add(
                Finding.Error(
                    HostErrors.RequirementUnmet,
                    $"plugin '{report.Name}' requires a CUDA device; there is none."
                )
            );
        var gib = machine.MemoryBytes() / (double)(1L << 30);
        if (manifest.RequiresMemoryGiB > gib)
            report.Findings.Add(
                Finding.Error(
                    HostErrors.RequirementUnmet,
                    FormattableString.Invariant(
                        $"plugin '{report.Name}' requires {manifest.RequiresMemoryGiB} GiB of memory; there are {gib:F1}."
                    )
                )
            );
    }
}
