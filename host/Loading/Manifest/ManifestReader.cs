using System.Text.Json;
using KdPlugins.Core;

namespace KdPlugins.Host.Loading.Manifest;

/// <summary>Turns plugin.json into a manifest, strictly: an unknown key is a finding, a wrong value an error.</summary>
internal sealed class ManifestReader(string folder, string file, List<Finding> findings)
{
    internal PluginManifest Read(JsonElement root)
    {
        Expect(root.ValueKind == JsonValueKind.Object, "the file is not a JSON object");
        var manifest = new PluginManifest();
        foreach (var entry in root.EnumerateObject())
            manifest = entry.Name switch
            {
                "id" => manifest with { Id = Text(entry) },
                "version" => manifest with { Version = VersionOf(entry) },
                "entryAssembly" => manifest with { EntryAssembly = Inside(Text(entry), "entryAssembly") },
                "sdk" => manifest with { Sdk = Range(entry), SdkText = Text(entry) },
                "kinds" => manifest with { Kinds = [.. entry.Value.EnumerateArray().Select(Kind)] },
                "assemblies" => manifest with { Assemblies = Listed(entry, ".dll") },
                "files" => manifest with { Files = Listed(entry, "") },
                "paper" => manifest with { Paper = Text(entry) },
                "requires" => Requires(manifest, entry.Value),
                "$schema" => manifest,
                _ => Unknown(manifest, entry.Name),
            };
        return manifest;
    }

    private PluginManifest Requires(PluginManifest manifest, JsonElement value)
    {
        Expect(value.ValueKind == JsonValueKind.Object, "'requires' is not an object");
        foreach (var entry in value.EnumerateObject())
            manifest = entry.Name switch
            {
                "cuda" => manifest with { RequiresCuda = entry.Value.GetBoolean() },
                "memoryGiB" => manifest with { RequiresMemoryGiB = entry.Value.GetDouble() },
                _ => Unknown(manifest, $"requires.{entry.Name}"),
            };
        return manifest;
    }

    private List<ManifestAssembly> Listed(JsonProperty list, string ending) =>
        [.. list.Value.EnumerateArray().Select(value => Listed(value, list.Name, ending))];

    private ManifestAssembly Listed(JsonElement value, string key, string ending)
    {
        Expect(value.ValueKind == JsonValueKind.Object, $"an entry of '{key}' is not an object");
        Expect(value.TryGetProperty("path", out var path), $"an entry of '{key}' has no 'path'");
        Expect(value.TryGetProperty("sha256", out var hash), $"an entry of '{key}' has no 'sha256'");
        var digits = hash.GetString() ?? "";
        Expect(
            digits.Length == 64 && digits.All(char.IsAsciiHexDigit),
            $"'{digits}' under '{key}' is no SHA-256 (64 hexadecimal digits)"
        );
        return new(Inside(path.GetString() ?? "", key, ending) ?? "", digits.ToLowerInvariant());
    }

    private string? Inside(string path, string key, string ending = ".dll")
    {
        if (ManifestPath.Problem(folder, path, ending) is not { } problem)
            return path.Replace('\\', '/');
        findings.Add(Finding.Error(HostErrors.PathOutside, $"{file}: '{path}' under '{key}' {problem}."));
        return null;
    }

    private PluginManifest Unknown(PluginManifest manifest, string key)
    {
        findings.Add(Finding.Warning(HostErrors.BadManifest, $"{file} has the key '{key}', which means nothing."));
        return manifest;
    }

    private static string Text(JsonProperty entry) =>
        entry.Value.GetString() ?? throw new FormatException($"'{entry.Name}' is null");

    private static Version VersionOf(JsonProperty entry) =>
        Version.TryParse(Text(entry), out var version)
            ? version
            : throw new FormatException($"'{entry.Name}' is '{Text(entry)}', not a version such as 1.2.0");

    private static VersionRange Range(JsonProperty entry) =>
        VersionRange.Parse(Text(entry))
        ?? throw new FormatException(
            $"'{entry.Name}' is '{Text(entry)}', not a range such as 1.2 (that or newer) or [1.2, 2.0)"
        );

    private static PluginKind Kind(JsonElement value) =>
        Enum.TryParse<PluginKind>(value.GetString(), ignoreCase: true, out var kind) && Enum.IsDefined(kind)
            ? kind
            : throw new FormatException(
                $"'{value}' under 'kinds' is none of {string.Join(", ", Enum.GetNames<PluginKind>())}"
            );

    private static void Expect(bool condition, string otherwise)
    {
        if (!condition)
            throw new FormatException(otherwise);
    }
}
