using System.Text.Json;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>
/// What a deps.json must have. The runtime's own reader takes it for granted, in native code: where something is missing, it ends
/// the process.
/// </summary>
internal static class DependencyShape
{
    /// <summary>What is missing or of another kind; null for nothing.</summary>
    internal static string? Problem(JsonElement root)
    {
        if (Target(root) is not { } name)
            return "it has no 'runtimeTarget' with a 'name'";
        if (Object(root, "targets") is not { } targets || Object(targets, name) is not { } target)
            return $"it has no '{name}' under 'targets'";
        if (Object(root, "libraries") is not { } libraries)
            return "it has no 'libraries'";
        return libraries.EnumerateObject().Select(Library).FirstOrDefault(p => p is not null)
            ?? target.EnumerateObject().Select(Package).FirstOrDefault(p => p is not null);
    }

    private static string? Target(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("runtimeTarget", out var target))
            return null;
        return target.ValueKind == JsonValueKind.String ? target.GetString()
            : target.ValueKind == JsonValueKind.Object && HasText(target, "name")
                ? target.GetProperty("name").GetString()
            : null;
    }

    private static string? Library(JsonProperty library)
    {
        var isWhole =
            library.Value.ValueKind == JsonValueKind.Object
            && HasText(library.Value, "type")
            && HasText(library.Value, "sha512")
            && library.Value.TryGetProperty("serviceable", out var serviceable)
            && serviceable.ValueKind is JsonValueKind.True or JsonValueKind.False;
        return !isWhole ? $"the library '{library.Name}' lacks one of 'type', 'sha512' and 'serviceable'"
            : library.Name.Contains('/', StringComparison.Ordinal) ? null
            : $"the library '{library.Name}' has no version";
    }

    private static string? Package(JsonProperty package)
    {
        if (package.Value.ValueKind != JsonValueKind.Object)
            return $"'{package.Name}' is no object";
        foreach (var group in package.Value.EnumerateObject().Where(g => g.Name != "compile"))
        {
            var isList = group.Value.ValueKind == JsonValueKind.Object;
            if (!isList && group.Name is ("runtime" or "native" or "resources" or "runtimeTargets" or "dependencies"))
                return $"'{group.Name}' of '{package.Name}' is no object";
            if (!isList || group.Name == "dependencies")
                continue;
            foreach (var asset in group.Value.EnumerateObject())
                if (
                    asset.Value.ValueKind != JsonValueKind.Object
                    || (
                        group.Name == "runtimeTargets"
                        && !(HasText(asset.Value, "rid") && HasText(asset.Value, "assetType"))
                    )
                )
                    return $"the asset '{asset.Name}' of '{package.Name}' does not say what it is";
        }
        return null;
    }

    private static JsonElement? Object(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var found) && found.ValueKind == JsonValueKind.Object ? found : null;

    private static bool HasText(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var found) && found.ValueKind == JsonValueKind.String;
}
