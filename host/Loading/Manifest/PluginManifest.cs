using System.Text.Json;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Host.Loading.Manifest;

/// <summary>A file that the manifest lists with its hash.</summary>
internal sealed record ManifestAssembly(string Path, string Sha256);

/// <summary>plugin.json. Everything in it is optional; what it says is checked against the files.</summary>
internal sealed record PluginManifest
{
    /// <summary>The file's name in a plugin's folder.</summary>
    internal const string FileName = "plugin.json";

    /// <summary>The largest that is read.</summary>
    internal const int MaxBytes = 1 << 20;

    /// <summary>The name to show for the folder.</summary>
    public string? Id { get; init; }

    /// <summary>The version of the folder as a whole.</summary>
    public Version? Version { get; init; }

    /// <summary>The assembly that holds the plugins, relative to the folder.</summary>
    public string? EntryAssembly { get; init; }

    /// <summary>The SDK versions that it works with.</summary>
    public VersionRange? Sdk { get; init; }

    /// <summary>The range as written.</summary>
    public string? SdkText { get; init; }

    /// <summary>The kinds of plugin that the folder has; empty where nothing is said.</summary>
    public IReadOnlyList<PluginKind> Kinds { get; init; } = [];

    /// <summary>Assemblies with their hashes; empty where nothing is said.</summary>
    public IReadOnlyList<ManifestAssembly> Assemblies { get; init; } = [];

    /// <summary>Every file but this one and its signature, with its hash; empty where nothing is said.</summary>
    public IReadOnlyList<ManifestAssembly> Files { get; init; } = [];

    /// <summary>Where the method was published.</summary>
    public string? Paper { get; init; }

    /// <summary>Whether a CUDA device is needed.</summary>
    public bool RequiresCuda { get; init; }

    /// <summary>The memory that is needed, in GiB; 0 where nothing is said.</summary>
    public double RequiresMemoryGiB { get; init; }

    private static JsonDocumentOptions Strict { get; } = new() { AllowDuplicateProperties = false };

    /// <summary>Reads the manifest of a folder; null where there is none, or where the findings say why it is unusable.</summary>
    internal static PluginManifest? Read(string folder, List<Finding> findings)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
            return null;
        try
        {
            if (new FileInfo(path).Length > MaxBytes)
                throw new FormatException("the file is larger than 1 MiB");
            using var document = JsonDocument.Parse(PlainFile.ReadBytes(path, MaxBytes), Strict);
            return new ManifestReader(folder, path, findings).Read(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException or IOException)
        {
            findings.Add(Finding.Error(HostErrors.BadManifest, $"{path} cannot be read: {e.Message}."));
            return null;
        }
    }
}
