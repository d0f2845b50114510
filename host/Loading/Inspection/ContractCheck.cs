namespace KdPlugins.Host.Loading.Inspection;

/// <summary>Compares the contract versions that an assembly was built against with the host's.</summary>
internal static class ContractCheck
{
    /// <summary>What is to be said about one reference; null where it fits.</summary>
    /// <param name="owner">The plugin's name, for the message.</param>
    /// <param name="name">The contract's simple name.</param>
    /// <param name="wanted">The version that the plugin was built against.</param>
    /// <param name="provided">The version that the host has.</param>
    internal static Finding? Check(string owner, string name, Version wanted, Version provided)
    {
        var detail = $"plugin '{owner}' was built against {name} {Text(wanted)}, this host provides {Text(provided)}.";
        var newer = (wanted.Major, wanted.Minor).CompareTo((provided.Major, provided.Minor)) > 0;
        if (newer)
            return Finding.Error(
                HostErrors.ContractMismatch,
                detail,
                $"Update the host, or rebuild the plugin against {name} {provided.Major}.{provided.Minor}."
            );
        if (IsOurs(name) && wanted.Major < provided.Major)
            return Finding.Error(
                HostErrors.ContractMismatch,
                $"{detail} Another major version is another contract.",
                $"Update the plugin, or rebuild it against {name} {provided.Major}.{provided.Minor}."
            );
        if (wanted > provided)
            return Finding.Warning(
                HostErrors.ContractMismatch,
                detail,
                "Update the host to get the fixes it may rely on."
            );
        // Before 1.0 a minor version may break what was built against the one before.
        if (wanted.Major == 0 && provided.Major == 0 && wanted.Minor < provided.Minor)
            return Finding.Warning(
                HostErrors.ContractMismatch,
                detail,
                $"Rebuild the plugin against {name} {provided.Major}.{provided.Minor} if it fails to load."
            );
        return null;
    }

    private static bool IsOurs(string name) => name.StartsWith("KdPlugins.", StringComparison.OrdinalIgnoreCase);

    private static string Text(Version version)
    {
        var patch = Math.Max(version.Build, 0);
        var revision = Math.Max(version.Revision, 0);
        return revision > 0 ? $"{version.Major}.{version.Minor}.{patch}.{revision}"
            : patch > 0 ? $"{version.Major}.{version.Minor}.{patch}"
            : $"{version.Major}.{version.Minor}";
    }
}
