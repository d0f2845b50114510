namespace KdPlugins.Host.Loading.Inspection;

/// <summary>Finds the assembly of a folder that holds its plugins.</summary>
internal static class EntryChoice
{
    internal static void Make(PreFlightReport report)
    {
        if (report.Manifest?.EntryAssembly is { } named)
        {
            report.Entry = report.Assemblies.Values.FirstOrDefault(a => a.Path == named);
            if (report.Entry is null && !Unreadable(report, named))
                report.Findings.Add(
                    Finding.Error(
                        HostErrors.BadManifest,
                        $"plugin.json of '{report.Name}' names the entry assembly '{named}', which is not in {report.Folder}."
                    )
                );
            return;
        }
        var candidates = report
            .Assemblies.Values.Where(a => a.Facts.Parts.Count > 0 && !ContractAssemblies.IsContract(a.Facts.Name))
            .ToList();
        report.Entry = candidates.Count == 1 ? candidates[0] : candidates.Find(a => IsNamedLike(report.Name, a.Path));
        if (report.Entry is null)
            Explain(report, candidates);
    }

    private static void Explain(PreFlightReport report, List<InspectedAssembly> candidates)
    {
        if (candidates.Count > 1)
        {
            var names = string.Join(", ", candidates.Select(c => c.Path).Order(StringComparer.Ordinal));
            report.Findings.Add(
                Finding.Error(
                    HostErrors.NoPlugin,
                    $"{report.Folder} has several assemblies with plugins: {names}.",
                    "Name one in plugin.json under \"entryAssembly\", or give each its own folder."
                )
            );
            return;
        }
        var named = report.Unreadable.Keys.FirstOrDefault(p => IsNamedLike(report.Name, p));
        var only = report.Assemblies.Count == 0 && report.Unreadable.Count == 1 ? report.Unreadable.Keys.First() : null;
        if ((named ?? only) is { } broken && Unreadable(report, broken))
            return;
        var old = report.Assemblies.Values.FirstOrDefault(a => a.Facts.Mef1Types.Count > 0);
        var bare = report.Assemblies.Values.FirstOrDefault(a => a.Facts.BareExports.Count > 0);
        report.Findings.Add(
            old is not null ? OldMef(old)
            : bare is not null ? Bare(bare)
            : Finding.Error(HostErrors.NoPlugin, Empty(report))
        );
    }

    private static bool Unreadable(PreFlightReport report, string path)
    {
        if (!report.Unreadable.TryGetValue(path, out var reason))
            return false;
        report.Findings.Add(Finding.Error(HostErrors.BadAssembly, $"{Path.Combine(report.Folder, path)} {reason}."));
        return true;
    }

    private static Finding OldMef(InspectedAssembly assembly) =>
        Finding.Error(
            HostErrors.BadPart,
            $"{assembly.Path} exports nothing that this host sees; it has attributes of System.ComponentModel.Composition on "
                + $"{string.Join(", ", assembly.Facts.Mef1Types)}.",
            "Use the SDK's attributes, such as [KdLoss(\"my-loss\")], which belong to System.Composition."
        );

    private static Finding Bare(InspectedAssembly assembly) =>
        Finding.Error(
            HostErrors.BadPart,
            $"{assembly.Path} exports {string.Join(", ", assembly.Facts.BareExports)} by [Export], which gives no id.",
            "Use the SDK's attributes, such as [KdLoss(\"my-loss\")]."
        );

    private static string Empty(PreFlightReport report) =>
        report.Assemblies.Count + report.Unreadable.Count == 0
            ? $"{report.Folder} has no .dll."
            : $"No class in {report.Folder} carries an attribute of the SDK, such as [KdLoss(\"my-loss\")].";

    private static bool IsNamedLike(string folder, string path)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        return name.Equals(folder, StringComparison.OrdinalIgnoreCase)
            || name.Equals($"KdPlugins.{folder}", StringComparison.OrdinalIgnoreCase);
    }
}
