using System.Text.RegularExpressions;

namespace KdPlugins.Torch.Native;

/// <summary>
/// What can be known of a libtorch before it is loaded. libtorch cannot be unloaded again, so whatever fits badly has
/// to be refused while the next place can still be tried.
/// </summary>
internal static partial class LibTorchCheck
{
    private static readonly string[] Required = ["libc10.so", "libtorch_cpu.so", "libtorch.so"];

    /// <summary>Refuses a place that lacks a file, or holds one that is no library for this machine.</summary>
    /// <exception cref="InvalidDataException">The reason.</exception>
    internal static void Files(NativeCandidate candidate)
    {
        if (!candidate.Folders.Any(Directory.Exists))
            throw new InvalidDataException("the folder does not exist");
        foreach (var required in Required)
        {
            var path = candidate.Find(required) ?? throw new InvalidDataException($"{required} is missing");
            if (ElfFile.WhyNotLoadable(path) is { } reason)
                throw new InvalidDataException($"{required} {reason}");
        }
    }

    /// <summary>
    /// Refuses another libtorch than the one LibTorchSharp was built against: by the version that a PyTorch wheel or a
    /// libtorch archive states beside its libraries, and by the functions that LibTorchSharp calls.
    /// </summary>
    /// <exception cref="InvalidDataException">The reason.</exception>
    internal static void Fits(NativeCandidate candidate, string shim, ElfFile shimElf)
    {
        var lib = Path.GetDirectoryName(candidate.Find("libtorch_cpu.so"))!;
        if (StatedVersion(lib) is { } version && MajorMinor(version) != MajorMinor(NativeCandidate.LibTorchVersion))
            throw new InvalidDataException(
                $"is libtorch {version}, libtorch {NativeCandidate.LibTorchVersion} is needed"
            );

        // libtorch's symbols carry no version; those of the system's libraries do.
        var missing = shimElf
            .UndefinedSymbols()
            .Where(s => s is { Relocated: true, Weak: false, VersionIndex: <= 1 })
            .Select(s => s.Name)
            .ToHashSet(StringComparer.Ordinal);
        foreach (var library in (string?[])[.. Required.Select(candidate.Find), candidate.Find("libtorch_cuda.so")])
            if (library is not null && missing.Count > 0)
                StrikeDefined(library, missing);
        if (missing.Count > 0)
            throw new InvalidDataException(
                $"lacks {missing.Count} functions that {shim} calls: {string.Join(", ", missing.Order(StringComparer.Ordinal).Take(5))}"
                    + (missing.Count > 5 ? ", ..." : "")
            );
    }

    private static void StrikeDefined(string library, HashSet<string> names)
    {
        using IDisposable file = new MappedFile(library);
        try
        {
            ElfFile.Parse(((MappedFile)file).Memory).StrikeDefined(names);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{Path.GetFileName(library)} {e.Message}");
        }
    }

    private static string? StatedVersion(string lib)
    {
        foreach (
            var file in (string[])[Path.Combine(lib, "..", "version.py"), Path.Combine(lib, "..", "build-version")]
        )
            if (File.Exists(file) && VersionNumber().Match(File.ReadAllText(file)) is { Success: true } match)
                return match.Value;
        return null;
    }

    private static string MajorMinor(string version) => string.Join('.', version.Split('.').Take(2));

    [GeneratedRegex(@"\d+\.\d+\.\d+")]
    private static partial Regex VersionNumber();
}
