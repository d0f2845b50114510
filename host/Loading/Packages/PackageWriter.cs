using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using KdPlugins.Host.Loading.Inspection;
using KdPlugins.Host.Loading.Manifest;
using KdPlugins.Torch;

namespace KdPlugins.Host.Loading.Packages;

/// <summary>Makes a .kdplugin of a plugin's folder: the same bytes for the same files, whenever and wherever it is made.</summary>
internal static class PackageWriter
{
    // The earliest that a zip can say.
    private static readonly DateTimeOffset Epoch = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private const int PlainFile = (0x8000 | 0b110_100_100) << 16;

    /// <summary>The package's bytes, and the manifest that is in it.</summary>
    /// <exception cref="KdException">The folder could not be loaded either: the loader's own code and reason.</exception>
    internal static (byte[] Bytes, PluginManifest Manifest) Pack(string folder, LoaderOptions options)
    {
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (!Directory.Exists(folder))
            throw new KdException(HostErrors.NoPlugin, $"{folder} does not exist.");
        var report = PreFlight.Run(Path.GetFileName(folder), folder, options, PluginTrust.None);
        if (report.Refusal is { } refusal)
            throw new KdException(refusal.Code, refusal.Detail, refusal.Remedy);
        var files = Files(folder, report);
        var manifest = Complete(report, files);
        return (Zip(folder, files, ManifestJson.Write(manifest), null), manifest);
    }

    /// <summary>The bytes of a package with a signature, instead of the one that it may have.</summary>
    /// <exception cref="KdException">The package is refused, or <c>KDP0124</c>: the key cannot be used.</exception>
    internal static byte[] Sign(string package, string keyFile, LoaderOptions options)
    {
        var folder = Path.Combine(Path.GetTempPath(), $"kd-sign-{Path.GetRandomFileName()}");
        using (var stream = new FileStream(package, FileMode.Open, FileAccess.Read, FileShare.Read))
            PackageFile.Extract(stream, Path.GetFileName(package), folder, options);
        try
        {
            var manifest = File.ReadAllBytes(Path.Combine(folder, PluginManifest.FileName));
            var files = PluginManifest.Read(folder, [])!.Files;
            return Zip(folder, files, manifest, PluginSignature.Sign(manifest, keyFile));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static byte[] Zip(string folder, IEnumerable<ManifestAssembly> files, byte[] manifest, byte[]? signature)
    {
        using var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            Add(archive, PluginManifest.FileName, manifest);
            if (signature is not null)
                Add(archive, PluginSignature.FileName, signature);
            foreach (var file in files)
                Add(archive, file.Path, File.ReadAllBytes(Path.Combine(folder, file.Path)));
        }
        return stream.ToArray();
    }

    private static void Add(ZipArchive archive, string name, byte[] content)
    {
        var entry = archive.CreateEntry(name, CompressionLevel.Optimal);
        entry.LastWriteTime = Epoch;
        entry.ExternalAttributes = PlainFile;
        using var stream = entry.Open();
        stream.Write(content);
    }

    private static List<ManifestAssembly> Files(string folder, PreFlightReport report)
    {
        List<ManifestAssembly> files = [];
        foreach (var file in report.Snapshot!.Files.Where(f => BelongsInside(f.Path)))
        {
            if (PackageEntry.Problem(file.Path) is { } problem)
                throw new KdException(HostErrors.PathOutside, $"the file '{file.Path}' in {folder} {problem}.");
            using var stream = File.OpenRead(Path.Combine(folder, file.Path));
            files.Add(new(file.Path, Convert.ToHexStringLower(SHA256.HashData(stream))));
        }
        return files;
    }

    // What the host provides, and what belongs to a program and not to a plugin, stays out.
    private static bool BelongsInside(string path)
    {
        var name = Path.GetFileName(path);
        return path is not (PluginManifest.FileName or PluginSignature.FileName)
            && !name.EndsWith(".runtimeconfig.json", StringComparison.OrdinalIgnoreCase)
            && !(
                Path.GetExtension(name).ToLowerInvariant() is ".dll" or ".pdb" or ".xml"
                && ContractAssemblies.IsContract(Path.GetFileNameWithoutExtension(name))
            );
    }

    // What the author wrote stays; what is missing comes from the assembly.
    private static PluginManifest Complete(PreFlightReport report, List<ManifestAssembly> files)
    {
        var written = report.Manifest ?? new PluginManifest();
        var entry = report.Entry!;
        var built = entry.Facts.Version;
        var sdk = entry.Facts.References.FirstOrDefault(r => r.Name == "KdPlugins.Sdk")?.Version;
        var provided = sdk ?? ContractAssemblies.Provided("KdPlugins.Sdk")!;
        return written with
        {
            Id = written.Id ?? entry.Facts.Name,
            Version = written.Version ?? new Version(built.Major, built.Minor, Math.Max(built.Build, 0)),
            EntryAssembly = entry.Path,
            SdkText = written.SdkText ?? $"[{provided.Major}.{provided.Minor}, {provided.Major + 1}.0)",
            Kinds =
                written.Kinds.Count > 0 ? written.Kinds : [.. entry.Facts.Parts.Select(p => p.Kind).Distinct().Order()],
            Assemblies = [],
            Files = files,
        };
    }
}
