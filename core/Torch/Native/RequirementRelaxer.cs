using System.Runtime.InteropServices;

namespace KdPlugins.Torch.Native;

/// <summary>
/// Decides whether LibTorchSharp asks for a newer libstdc++ than the system has only because of link-time markers that
/// nothing calls, and if so makes a copy that does not ask.
/// </summary>
internal static class RequirementRelaxer
{
    private const string Prefix = "GLIBCXX_";
    private const string CxxLibrary = "libstdc++.so.6";

    /// <summary>What <see cref="Relax"/> found.</summary>
    /// <param name="Image">The changed copy, or null where the original serves or cannot be helped.</param>
    /// <param name="Change">What was changed, in words.</param>
    /// <param name="Refusal">Why the original can neither be loaded nor be helped, or null.</param>
    internal sealed record Outcome(byte[]? Image, string? Change, string? Refusal);

    /// <summary>The path of the libstdc++ that this process has loaded, and the newest version that it defines.</summary>
    internal static (string Path, Version Highest) SystemCxx()
    {
        NativeLibrary.Load(CxxLibrary);
        var path =
            File.ReadLines("/proc/self/maps")
                .Select(line => line[Math.Max(line.IndexOf('/'), 0)..])
                .FirstOrDefault(p => Path.GetFileName(p).StartsWith(CxxLibrary, StringComparison.Ordinal))
            ?? throw new InvalidDataException($"{CxxLibrary} is loaded, but /proc/self/maps does not name it");
        var versions = ElfFile.Parse(File.ReadAllBytes(path)).DefinedVersions();
        return (path, versions.Select(Number).Where(v => v is not null).Max() ?? new Version(0, 0));
    }

    /// <summary>
    /// Lowers every requirement above <paramref name="highest"/> to the newest one the library also names, if no
    /// relocation uses a symbol of that version.
    /// </summary>
    internal static Outcome Relax(byte[] original, Version highest)
    {
        var elf = ElfFile.Parse(original);
        var required = elf.Requirements().Where(r => r.Library == CxxLibrary && Number(r.Version) is not null).ToList();
        var tooNew = required.Where(r => Number(r.Version) > highest).ToList();
        if (tooNew.Count == 0)
            return new(null, null, null);

        var symbols = elf.UndefinedSymbols();
        foreach (var requirement in tooNew)
        {
            var needed = symbols
                .Where(s => s.VersionIndex == requirement.Index && s.Relocated)
                .Select(s => s.Name)
                .ToList();
            if (needed.Count > 0)
                return new(
                    null,
                    null,
                    $"needs {requirement.Version} of {CxxLibrary} for {string.Join(", ", needed.Take(3))}; this system has {Prefix}{highest}"
                );
        }

        var usable = required.Where(r => Number(r.Version) <= highest).OrderBy(r => Number(r.Version)).ToList();
        if (usable.Count == 0)
            return new(null, null, $"needs {tooNew[0].Version} of {CxxLibrary}; this system has {Prefix}{highest}");
        var copy = (byte[])original.Clone();
        foreach (var requirement in tooNew)
            ElfFile.Redirect(copy, requirement, usable[^1]);
        return new(copy, $"{string.Join(", ", tooNew.Select(r => r.Version))} -> {usable[^1].Version}", null);
    }

    private static Version? Number(string version) =>
        version.StartsWith(Prefix, StringComparison.Ordinal)
        && Version.TryParse(version[Prefix.Length..], out var number)
            ? number
            : null;
}
