using System.Text;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Host.Texts;

namespace KdPlugins.Host.Loading.Listing;

/// <summary>What a catalog holds, as text and as JSON.</summary>
internal static class PluginReport
{
    internal static string Text(FolderPluginCatalog catalog)
    {
        var text = new StringBuilder();
        var descriptions = catalog.Plugins.ToDictionary(p => (p.Kind, p.Id), p => p.Description);
        if (catalog.Statuses.Count > 0)
        {
            var table = new TextTable("kind", "id", "version", "folder", "state", "what it is");
            foreach (var s in catalog.Statuses)
                table.Add(
                    Name(s.Kind),
                    s.Id,
                    s.Version,
                    s.Folder,
                    Name(s.State),
                    s.State == PluginState.Active ? descriptions.GetValueOrDefault((s.Kind, s.Id), "") : ""
                );
            text.AppendLine(table.ToString());
        }
        foreach (var (_, where, finding) in Problems(catalog))
            text.AppendLine($"{where}{Name(finding.Severity)}: {finding}");
        if (Missing(catalog) is { Count: > 0 } missing)
            text.AppendLine(
                $"{catalog.Root} has no {string.Join(", no ", missing)}.{(catalog.Plugins.Count == 0 ? " Put each plugin's build output into a folder of its own there." : "")}"
            );
        return text.ToString();
    }

    internal static JsonObject Json(FolderPluginCatalog catalog)
    {
        var details = catalog.Plugins.ToDictionary(p => (p.Kind, p.Id));
        return new()
        {
            ["event"] = "plugins",
            ["root"] = catalog.Root,
            ["plugins"] = new JsonArray([.. catalog.Statuses.Select(s => Json(s, Detail(s)))]),
            ["folders"] = new JsonArray([.. catalog.Folders.Select(Json)]),
            ["findings"] = new JsonArray([.. catalog.Findings.Select(Json)]),
            ["missing"] = new JsonArray([.. Missing(catalog).Select(m => JsonValue.Create(m))]),
        };

        PluginDescriptor? Detail(PluginStatus s) =>
            s.State == PluginState.Active ? details.GetValueOrDefault((s.Kind, s.Id)) : null;
    }

    internal static JsonObject Json(Explanation found) =>
        new()
        {
            ["event"] = "explanation",
            ["plugins"] = new JsonArray([.. found.Plugins.Select(s => Json(s, null))]),
            ["folders"] = new JsonArray([.. found.Folders.Select(Json)]),
            ["assemblies"] = new JsonArray([.. found.Assemblies.Select(Json)]),
        };

    /// <summary>Everything the loader has to say, each with the folder it is about.</summary>
    internal static IEnumerable<(string Folder, string Where, Finding Finding)> Problems(FolderPluginCatalog catalog)
    {
        foreach (var finding in catalog.Findings)
            yield return ("", "", finding);
        foreach (var folder in catalog.Folders)
        foreach (var finding in folder.Findings)
            yield return (folder.Name, $"{folder.Name}: ", finding);
        // What befell a single plugin, where its folder does not say so already.
        foreach (var status in catalog.Statuses)
            if (
                status.Reason is { } reason
                && !catalog.Folders.Any(f => f.Name == status.Folder && f.Findings.Contains(reason))
            )
                yield return (status.Folder, $"{status.Folder}, {Name(status.Kind)} '{status.Id}': ", reason);
    }

    /// <summary>The kinds of which there is none.</summary>
    internal static IReadOnlyList<string> Missing(FolderPluginCatalog catalog) =>
        [.. Enum.GetValues<PluginKind>().Where(k => catalog.Plugins.All(p => p.Kind != k)).Select(k => Name(k))];

    internal static string Name(Enum value) => value.ToString().ToLowerInvariant();

    internal static JsonObject Json(Finding finding) =>
        new()
        {
            ["severity"] = Name(finding.Severity),
            ["code"] = finding.Code.Id,
            ["message"] = finding.ToString(),
        };

    private static JsonNode Json(PluginStatus status, PluginDescriptor? detail) =>
        new JsonObject
        {
            ["kind"] = Name(status.Kind),
            ["id"] = status.Id,
            ["version"] = status.Version,
            ["folder"] = status.Folder,
            ["state"] = Name(status.State),
            ["reason"] = status.Reason is { } reason ? Json(reason) : null,
            ["description"] = detail?.Description,
            ["paper"] = detail?.Paper,
            ["assembly"] = detail?.Assembly,
            ["sha256"] = detail?.Sha256,
        };

    private static JsonNode Json(FolderStatus folder) =>
        new JsonObject
        {
            ["name"] = folder.Name,
            ["path"] = folder.Path,
            ["state"] = Name(folder.State),
            ["milliseconds"] = Math.Round(folder.LoadTime.TotalMilliseconds, 1),
            ["findings"] = new JsonArray([.. folder.Findings.Select(Json)]),
        };

    private static JsonNode Json(AssemblyResolution assembly) =>
        new JsonObject
        {
            ["name"] = assembly.Name,
            ["requested"] = assembly.Requested.ToString(),
            ["requestedBy"] = assembly.RequestedBy,
            ["tier"] = Name(assembly.Tier),
            ["path"] = assembly.Path,
            ["context"] = assembly.Context,
            ["isLoaded"] = assembly.IsLoaded,
            ["rejected"] = new JsonArray([.. assembly.Rejected.Select(r => JsonValue.Create(r))]),
        };
}
