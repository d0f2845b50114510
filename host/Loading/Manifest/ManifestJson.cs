using System.Text.Json;

namespace KdPlugins.Host.Loading.Manifest;

/// <summary>Writes plugin.json, the same bytes for the same manifest on every system.</summary>
internal static class ManifestJson
{
    private static readonly JsonWriterOptions Options = new() { Indented = true, NewLine = "\n" };

    internal static byte[] Write(PluginManifest manifest)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, Options))
        {
            json.WriteStartObject();
            json.WriteString("id", manifest.Id);
            json.WriteString("version", manifest.Version!.ToString());
            json.WriteString("sdk", manifest.SdkText);
            json.WriteString("entryAssembly", manifest.EntryAssembly);
            json.WriteStartArray("kinds");
            foreach (var kind in manifest.Kinds)
                json.WriteStringValue(kind.ToString().ToLowerInvariant());
            json.WriteEndArray();
            if (manifest.Paper is not null)
                json.WriteString("paper", manifest.Paper);
            WriteRequirements(json, manifest);
            json.WriteStartArray("files");
            foreach (var file in manifest.Files.OrderBy(f => f.Path, StringComparer.Ordinal))
            {
                json.WriteStartObject();
                json.WriteString("path", file.Path);
                json.WriteString("sha256", file.Sha256);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return stream.ToArray();
    }

    private static void WriteRequirements(Utf8JsonWriter json, PluginManifest manifest)
    {
        if (!manifest.RequiresCuda && manifest.RequiresMemoryGiB == 0)
            return;
        json.WriteStartObject("requires");
        if (manifest.RequiresCuda)
            json.WriteBoolean("cuda", true);
        if (manifest.RequiresMemoryGiB > 0)
            json.WriteNumber("memoryGiB", manifest.RequiresMemoryGiB);
        json.WriteEndObject();
    }
}
