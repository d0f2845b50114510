using KdPlugins.Core;

namespace KdPlugins.Host.Loading.Folders;

/// <summary>Decides which of several plugins with one id is used: the higher version, then the first path.</summary>
internal static class Duplicates
{
    internal static IReadOnlyDictionary<(PluginKind, string), (PluginFolder Folder, LoadedPart Part)> Resolve(
        IReadOnlyList<PluginFolder> folders
    )
    {
        var active = new Dictionary<(PluginKind, string), (PluginFolder, LoadedPart)>();
        var all = folders.SelectMany(f => f.Parts.Where(p => p.State == PluginState.Active).Select(p => (f, p)));
        foreach (var group in all.GroupBy(x => (x.p.Fact.Kind, x.p.Fact.Id)).ToList())
        {
            var ranked = group
                .OrderByDescending(x => Version.Parse(x.p.Fact.Version))
                .ThenBy(x => x.f.Report.Folder, StringComparer.Ordinal)
                .ToList();
            active.Add(group.Key, ranked[0]);
            foreach (var (folder, part) in ranked.Skip(1))
                Supersede(folder, part, ranked[0].f, ranked[0].p);
        }
        return active;
    }

    private static void Supersede(PluginFolder folder, LoadedPart part, PluginFolder winner, LoadedPart by)
    {
        var finding = Finding.Warning(
            HostErrors.DuplicateId,
            $"{part.Fact.Kind.ToString().ToLowerInvariant()} '{part.Fact.Id}' {part.Fact.Version} in '{folder.Report.Name}' "
                + $"is not used: '{winner.Report.Name}' has {by.Fact.Version}."
        );
        part.Fail(PluginState.Superseded, finding);
        folder.Report.Findings.Add(finding);
        folder.SupersedeIfUnused(finding);
    }
}
