using System.Security.Cryptography;
using KdPlugins.Host.Loading.Files;
using KdPlugins.Host.Loading.Manifest;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>Looks at a plugin's folder by its files and metadata alone, and says whether it may be loaded.</summary>
internal static class PreFlight
{
    internal static PreFlightReport Run(string name, string folder, LoaderOptions options, PluginTrust trust)
    {
        var report = new PreFlightReport(name, folder);
        try
        {
            Inspect(report, options, trust);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A file that vanished or grew while it was read: a copy in progress, or a deletion.
            report.Findings.Add(Finding.Error(HostErrors.Unstable, $"{folder} cannot be read: {e.Message}"));
        }
        return report;
    }

    private static void Inspect(PreFlightReport report, LoaderOptions options, PluginTrust trust)
    {
        var snapshot = FolderSnapshot.Take(report.Folder, options, report.Findings);
        report.Snapshot = snapshot;
        // Nothing of a folder is opened that has an entry which must not be.
        if (!report.Findings.TrueForAll(f => f.Severity != Severity.Error))
            return;
        if (trust.Lock?.Check(report.Name, snapshot) is { } difference)
            report.Findings.Add(difference);
        report.Manifest = PluginManifest.Read(report.Folder, report.Findings);
        if (trust.Keys is { } keys)
            SignatureRules.Check(report, keys);
        var images = ReadAssemblies(report, snapshot);
        EntryChoice.Make(report);
        if (report.Entry is not { } entry)
            return;
        report.EntryImage = images[entry.Path];
        FolderRules.Check(report);
        AssemblyRules.Check(report);
        if (report.Manifest is { } manifest)
            ManifestRules.Check(report, manifest, options.Capabilities);
    }

    private static Dictionary<string, byte[]> ReadAssemblies(PreFlightReport report, FolderSnapshot snapshot)
    {
        var images = new Dictionary<string, byte[]>();
        foreach (var file in snapshot.Code.Where(f => IsTopLevelDll(f.Path)))
        {
            var image = File.ReadAllBytes(Path.Combine(report.Folder, file.Path));
            var hash = Convert.ToHexStringLower(SHA256.HashData(image));
            if (hash != file.Sha256)
                report.Findings.Add(
                    Finding.Error(HostErrors.Unstable, $"{file.Path} in {report.Folder} changed between two reads.")
                );
            if (AssemblyReader.Read(image, out var reason) is not { } facts)
                report.Unreadable[file.Path] = reason!;
            else if (
                !facts.Name.Equals(Path.GetFileNameWithoutExtension(file.Path), StringComparison.OrdinalIgnoreCase)
            )
                report.Unreadable[file.Path] = $"is called like one assembly and is another, '{facts.Name}'";
            else
            {
                report.Assemblies[facts.Name] = new(file.Path, hash, facts);
                images[file.Path] = image;
            }
        }
        return images;
    }

    private static bool IsTopLevelDll(string path) =>
        !path.Contains('/', StringComparison.Ordinal) && path.EndsWith(".dll", StringComparison.OrdinalIgnoreCase);
}
