using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Build.Framework;

namespace KdPlugins.Sdk.Build;

/// <summary>
/// Makes what a host takes: the folder to drop in, with <c>plugin.json</c> and the SHA-256 of every file, and the same as
/// a <c>.kdplugin</c> (a zip). The same files give the same bytes.
/// </summary>
public sealed class PackPlugin : BuildTask
{
    // The earliest that a zip can say: when it was made is nobody's business.
    private static readonly DateTimeOffset NoTime = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>The files, with their place in the folder as metadata <c>InFolder</c>.</summary>
    [Required]
    public ITaskItem[] Files { get; set; } = [];

    /// <summary>The folder; what lies in it and is not among the files is removed.</summary>
    [Required]
    public string Folder { get; set; } = "";

    /// <summary>The package's path.</summary>
    [Required]
    public string Package { get; set; } = "";

    /// <summary>The name of the folder.</summary>
    [Required]
    public string Id { get; set; } = "";

    /// <summary>The version of the whole, major.minor.patch.</summary>
    [Required]
    public string Version { get; set; } = "";

    /// <summary>The assembly with the plugins, by its place in the folder.</summary>
    [Required]
    public string EntryAssembly { get; set; } = "";

    /// <summary>The SDK's version that it was built against; empty where it is not known.</summary>
    public string SdkVersion { get; set; } = "";

    /// <inheritdoc/>
    protected override void Run()
    {
        var files = Files
            .Select(f => (Path: f.GetMetadata("InFolder").Replace('\\', '/'), Bytes: File.ReadAllBytes(f.ItemSpec)))
            .Where(f => f.Path != ManifestName)
            .OrderBy(f => f.Path, StringComparer.Ordinal)
            .ToList();
        if (files.All(f => f.Path != EntryAssembly))
            throw new InvalidDataException($"The plugin's folder has no '{EntryAssembly}'.");
        files.Add((ManifestName, Manifest(files)));
        WriteFolder(files);
        WritePackage(files);
    }

    private const string ManifestName = "plugin.json";

    private byte[] Manifest(List<(string Path, byte[] Bytes)> files)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new() { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("id", Id);
            json.WriteString("version", Version.Split('-', '+')[0]);
            json.WriteString("entryAssembly", EntryAssembly);
            if (SdkVersion.Length > 0)
                json.WriteString("sdk", SdkVersion.Split('-', '+')[0]);
            json.WriteStartArray("files");
            foreach (var (path, bytes) in files)
            {
                json.WriteStartObject();
                json.WriteString("path", path);
                json.WriteString("sha256", Convert.ToHexStringLower(SHA256.HashData(bytes)));
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return stream.ToArray();
    }

    private void WriteFolder(List<(string Path, byte[] Bytes)> files)
    {
        if (Directory.Exists(Folder))
            Directory.Delete(Folder, recursive: true);
        foreach (var (path, bytes) in files)
        {
            var target = Path.Combine(Folder, path);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.WriteAllBytes(target, bytes);
        }
    }

    private void WritePackage(List<(string Path, byte[] Bytes)> files)
    {
        var temporary = $"{Package}.{Guid.NewGuid():N}";
        using (var zip = ZipFile.Open(temporary, ZipArchiveMode.Create))
            foreach (var (path, bytes) in files)
            {
                var entry = zip.CreateEntry(path, CompressionLevel.Optimal);
                entry.LastWriteTime = NoTime;
                using var content = entry.Open();
                content.Write(bytes);
            }
        File.Move(temporary, Package, overwrite: true);
    }
}
