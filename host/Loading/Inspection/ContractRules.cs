namespace KdPlugins.Host.Loading.Inspection;

/// <summary>Refuses what was built against types and members of contracts that this host has not.</summary>
internal static class ContractRules
{
    private const int MostShown = 3;

    internal static void Check(PreFlightReport report, InspectedAssembly assembly)
    {
        // By contract: each was built against some version of it, and the host has another.
        foreach (var group in assembly.Facts.Unmet.GroupBy(u => u.Assembly))
        {
            var built = assembly.Facts.References.FirstOrDefault(r => r.Name == group.Key)?.Version;
            var unmet = group.Select(Text).Distinct().Order(StringComparer.Ordinal).ToList();
            var rest = unmet.Count > MostShown ? $"; and {unmet.Count - MostShown} more" : "";
            report.Findings.Add(
                Finding.Error(
                    HostErrors.ContractUnmet,
                    $"{assembly.Path} of plugin '{report.Name}' was built against another {group.Key} {built}: it uses "
                        + $"{string.Join("; ", unmet.Take(MostShown))}{rest}.",
                    $"Rebuild the plugin against this host's {group.Key} {ContractAssemblies.Provided(group.Key)}, or update the host."
                )
            );
        }
    }

    private static string Text(UnmetReference unmet) =>
        unmet.Instead.Length == 0
            ? $"{unmet.What}, which this host does not have"
            : $"{unmet.What}, where this host has {unmet.Instead}";
}
