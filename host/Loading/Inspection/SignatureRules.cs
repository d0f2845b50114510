using System.Security.Cryptography;
using KdPlugins.Host.Loading.Manifest;
using KdPlugins.Torch;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>A signed folder: plugin.json bears a trusted signature, and every file is one that plugin.json lists.</summary>
internal static class SignatureRules
{
    internal static void Check(PreFlightReport report, TrustedKeys keys)
    {
        if (Problem(report, keys) is { } problem)
            report.Findings.Add(Finding.Error(HostErrors.NotSigned, $"plugin '{report.Name}' {problem}."));
    }

    private static string? Problem(PreFlightReport report, TrustedKeys keys)
    {
        var path = Path.Combine(report.Folder, PluginManifest.FileName);
        var signature = Path.Combine(report.Folder, PluginSignature.FileName);
        if (!File.Exists(path))
            return "has no plugin.json, and so nothing that could be signed";
        if (!File.Exists(signature))
            return $"has no signature ({PluginSignature.FileName})";
        if (
            new FileInfo(signature).Length > PluginSignature.MaxBytes
            || new FileInfo(path).Length > PluginManifest.MaxBytes
        )
            return "has a signature or a plugin.json larger than any";
        var manifest = PlainFile.ReadBytes(path, PluginManifest.MaxBytes);
        var seen = report.Snapshot!.Files.FirstOrDefault(f => f.Path == PluginManifest.FileName);
        if (seen?.Sha256 != Convert.ToHexStringLower(SHA256.HashData(manifest)))
            return "changed between two reads";
        if (PluginSignature.Signer(manifest, PlainFile.ReadBytes(signature, PluginSignature.MaxBytes), keys) is null)
            return $"has a signature of none of the trusted keys ({string.Join(", ", keys.Keys.Select(k => k.Name))})";
        var listed = report.Manifest?.Files.Select(f => f.Path).ToHashSet() ?? [];
        var stray = report.Snapshot.Files.FirstOrDefault(f =>
            f.Path is not (PluginManifest.FileName or PluginSignature.FileName) && !listed.Contains(f.Path)
        );
        return stray is null ? null : $"has '{stray.Path}', which its signed plugin.json does not list";
    }
}
