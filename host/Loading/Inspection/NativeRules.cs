using System.Runtime.InteropServices;
using System.Text.Json;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>
/// Native libraries that are not there. What deps.json lists for this system belongs to the plugin, so that its absence is an
/// incomplete copy and refuses it. What the assembly imports is only warned of: nothing in metadata tells whether the call is
/// guarded, and a library that is used where there is one is legal.
/// </summary>
internal static class NativeRules
{
    // The same names in imports mean other systems' own libraries, which a plugin for several systems asks for there.
    private static readonly HashSet<string> Elsewhere = new(
        [
            .. (string[])["kernel32", "user32", "advapi32", "ntdll", "ole32", "oleaut32", "shell32", "gdi32", "psapi"],
            .. (string[])["bcrypt", "ncrypt", "crypt32", "ws2_32", "dbghelp", "version", "winmm", "iphlpapi", "msvcrt"],
            .. (string[])["ucrtbase", "secur32", "setupapi", "libSystem", "libSystem.B", "libobjc", "libproc"],
            // Operators that users of ONNX Runtime add to it; it does without.
            "ortextensions",
        ],
        StringComparer.OrdinalIgnoreCase
    );

    internal static void CheckImports(PreFlightReport report, InspectedAssembly assembly, bool isEntry)
    {
        var there = report
            .Snapshot!.Files.Select(f => Path.GetFileName(f.Path))
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        var missing = assembly
            .Facts.NativeImports.Where(n => isEntry || !IsOfWindows(n))
            .Where(n => !IsProvided(n) && !SystemLibraries.Names(n).Any(there.Contains))
            .ToList();
        if (missing.Count > 0)
            report.Findings.Add(
                Finding.Warning(
                    HostErrors.NativeMissing,
                    $"{assembly.Path} of plugin '{report.Name}' imports from {string.Join(", ", missing.Select(n => $"'{n}'"))}: "
                        + $"no such library is in {report.Folder} or known to this system.",
                    "Put the library into the plugin's folder, or make sure that the plugin does without it."
                )
            );
    }

    /// <summary>The native assets that a deps.json lists for this system.</summary>
    internal static void CheckAssets(PreFlightReport report, string file, JsonElement root)
    {
        var paths = report.Snapshot!.Files.Select(f => f.Path).ToHashSet(StringComparer.OrdinalIgnoreCase);
        bool IsThere(string asset) => paths.Contains(asset) || paths.Contains(Path.GetFileName(asset));
        var missing = Assets(root)
            .Where(a => !FolderRules.IsLibTorch(a) && IsLibrary(a) && !IsThere(a))
            .Distinct()
            .Order(StringComparer.Ordinal)
            .ToList();
        if (missing.Count > 0)
            report.Findings.Add(
                Finding.Error(
                    HostErrors.NativeMissing,
                    $"{file} of plugin '{report.Name}' lists {string.Join(", ", missing.Take(5))}, which is not in {report.Folder}."
                )
            );
    }

    // Libraries are for every system, and call such files on theirs only.
    private static bool IsOfWindows(string name) =>
        !OperatingSystem.IsWindows() && name.EndsWith(".dll", StringComparison.OrdinalIgnoreCase);

    private static bool IsProvided(string name) =>
        name is "__Internal" or "QCall"
        || Elsewhere.Contains(Path.GetFileNameWithoutExtension(name))
        || Elsewhere.Contains(name)
        || FolderRules.IsLibTorch(name)
        || (Path.IsPathRooted(name) ? File.Exists(name) : SystemLibraries.Has(name));

    private static bool IsLibrary(string asset) =>
        asset.EndsWith(".so", StringComparison.Ordinal)
        || Path.GetFileName(asset).Contains(".so.", StringComparison.Ordinal)
        || asset.EndsWith(".dylib", StringComparison.Ordinal)
        || asset.EndsWith(".dll", StringComparison.OrdinalIgnoreCase);

    private static IEnumerable<string> Assets(JsonElement root)
    {
        if (!root.TryGetProperty("targets", out var targets))
            yield break;
        foreach (var target in targets.EnumerateObject())
        foreach (var library in target.Value.EnumerateObject())
        {
            if (library.Value.TryGetProperty("native", out var native))
                foreach (var asset in native.EnumerateObject())
                    yield return asset.Name;
            if (library.Value.TryGetProperty("runtimeTargets", out var several))
                foreach (var asset in OfThisSystem(several))
                    yield return asset;
        }
    }

    // Of several systems' files the runtime takes those of the nearest one.
    private static IEnumerable<string> OfThisSystem(JsonElement assets)
    {
        var natives = assets
            .EnumerateObject()
            .Where(a => a.Value.TryGetProperty("assetType", out var type) && type.GetString() == "native")
            .ToLookup(a => a.Value.TryGetProperty("rid", out var rid) ? rid.GetString() : null, a => a.Name);
        return Systems().Where(natives.Contains).Take(1).SelectMany(s => natives[s]);
    }

    private static string[] Systems()
    {
        var machine = RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        var own = RuntimeInformation.RuntimeIdentifier;
        return OperatingSystem.IsWindows() ? [own, $"win-{machine}", "win", "any"]
            : OperatingSystem.IsMacOS() ? [own, $"osx-{machine}", "osx", $"unix-{machine}", "unix", "any"]
            : own.Contains("musl", StringComparison.Ordinal)
                ? [own, $"linux-musl-{machine}", "linux-musl", $"linux-{machine}", "linux", "unix", "any"]
            : [own, $"linux-{machine}", "linux", $"unix-{machine}", "unix", "any"];
    }
}
