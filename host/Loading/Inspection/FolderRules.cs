using System.Text.Json;
using KdPlugins.Torch;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>What may lie in a plugin's folder beside its assemblies.</summary>
internal static class FolderRules
{
    private static readonly string[] LibTorch =
    [
        "libtorch",
        "libc10",
        "libLibTorchSharp",
        "LibTorchSharp",
        "torch_cpu",
    ];

    // A package of a thousand dependencies has one of some hundred kilobytes.
    private const int MaxDependencyBytes = 16 << 20;

    internal static void Check(PreFlightReport report)
    {
        var shipped = report
            .Assemblies.Keys.Where(ContractAssemblies.IsContract)
            .Order(StringComparer.Ordinal)
            .ToList();
        if (shipped.Count > 0)
            report.Findings.Add(
                Finding.Warning(
                    HostErrors.ShipsContracts,
                    $"plugin '{report.Name}' ships {string.Join(", ", shipped)}; the host's own are used."
                )
            );
        var native = report
            .Snapshot!.Files.Select(f => f.Path)
            .Where(IsLibTorch)
            .Where(p => !p.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
            .ToList();
        if (native.Count > 0)
            report.Findings.Add(
                Finding.Error(
                    HostErrors.ShipsLibTorch,
                    $"plugin '{report.Name}' ships native libraries of libtorch: {string.Join(", ", native.Take(5))}."
                )
            );
        foreach (
            var (path, reason) in report.Unreadable.Where(u => !u.Value.Contains("native", StringComparison.Ordinal))
        )
            report.Findings.Add(
                Finding.Warning(HostErrors.BadAssembly, $"{Path.Combine(report.Folder, path)} {reason}.")
            );
        CheckDependencyFile(report);
    }

    /// <summary>Whether a file or library is one of libtorch's, which only the host brings.</summary>
    internal static bool IsLibTorch(string path) =>
        LibTorch.Any(n => Path.GetFileName(path).StartsWith(n, StringComparison.Ordinal));

    /// <summary>deps.json tells the runtime where assemblies lie: no asset of it may lie outside the folder.</summary>
    private static void CheckDependencyFile(PreFlightReport report)
    {
        var name = Path.ChangeExtension(report.Entry!.Path, ".deps.json");
        var path = Path.Combine(report.Folder, name);
        if (!File.Exists(path))
            return;
        try
        {
            using var document = JsonDocument.Parse(PlainFile.ReadBytes(path, MaxDependencyBytes));
            foreach (var asset in Assets(document.RootElement))
                if (Manifest.ManifestPath.Problem(report.Folder, asset, "") is { } problem)
                    report.Findings.Add(
                        Finding.Error(HostErrors.PathOutside, $"{path}: the asset '{asset}' {problem}.")
                    );
            if (DependencyShape.Problem(document.RootElement) is { } lack)
                report.Findings.Add(
                    Finding.Error(
                        HostErrors.BadManifest,
                        $"{path} cannot be used: {lack}.",
                        "Copy the file that the plugin's build wrote, or delete it if the plugin has no libraries of its own."
                    )
                );
            else
                NativeRules.CheckAssets(report, name, document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or IOException)
        {
            report.Findings.Add(Finding.Error(HostErrors.BadManifest, $"{path} cannot be read: {e.Message}"));
        }
    }

    private static IEnumerable<string> Assets(JsonElement root)
    {
        if (!root.TryGetProperty("targets", out var targets))
            yield break;
        foreach (var target in targets.EnumerateObject())
        foreach (var library in target.Value.EnumerateObject())
        foreach (var group in (string[])["runtime", "runtimeTargets", "native", "resources"])
            if (library.Value.TryGetProperty(group, out var assets))
                foreach (var asset in assets.EnumerateObject())
                    yield return asset.Name;
    }
}
