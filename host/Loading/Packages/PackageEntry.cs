using System.IO.Compression;
using KdPlugins.Torch;

namespace KdPlugins.Host.Loading.Packages;

/// <summary>What an entry of a package may be called and be, judged by what the archive says of it.</summary>
internal static class PackageEntry
{
    private const int LongestPath = 240;
    private const int TypeMask = 0xF000;
    private const int RegularFile = 0x8000;

    // Names that Windows takes for devices, whatever their ending.
    private static readonly HashSet<string> Devices = new(
        ["CON", "PRN", "AUX", "NUL", .. Enumerable.Range(0, 10).SelectMany(n => (string[])[$"COM{n}", $"LPT{n}"])],
        StringComparer.OrdinalIgnoreCase
    );

    /// <summary>Why a name cannot be a file below a folder, on any system; null where it can.</summary>
    internal static string? Problem(string name)
    {
        if (name.Length is 0 or > LongestPath)
            return $"has {name.Length} characters, not 1 to {LongestPath}";
        if (name.Any(char.IsControl))
            return "has a control character";
        if (name.Contains('\\', StringComparison.Ordinal))
            return "has a backslash";
        if (name[0] == '/')
            return "starts at the root";
        if (name.IndexOfAny([':', '*', '?', '"', '<', '>', '|']) >= 0)
            return "has a drive, a stream or a character that names no file";
        foreach (var segment in name.Split('/'))
        {
            if (segment is "" or "." or "..")
                return "has an empty segment, '.' or '..'";
            if (segment[^1] is '.' or ' ')
                return "has a segment that ends in a dot or a space";
            if (Devices.Contains(segment.Split('.')[0].TrimEnd()))
                return $"names the device '{segment}'";
        }
        return name[0] == '~' ? "starts at the home folder" : null;
    }

    /// <exception cref="KdException"><c>KDP0110</c>: an entry leads out, is a link, or would lie where another lies.</exception>
    internal static void CheckAll(string package, IReadOnlyCollection<ZipArchiveEntry> entries)
    {
        var files = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var entry in entries)
        {
            var type = (entry.ExternalAttributes >> 16) & TypeMask;
            var problem =
                Problem(entry.FullName) is { } bad ? bad
                : type is not (0 or RegularFile) ? "is a link or a device, not a file"
                : !files.Add(entry.FullName) ? "is there twice, or differs from another only in case"
                : null;
            Refuse(package, entry.FullName, problem);
        }
        foreach (var name in files)
            for (var end = name.LastIndexOf('/'); end > 0; end = name.LastIndexOf('/', end - 1))
                Refuse(package, name, files.Contains(name[..end]) ? "lies below another file" : null);
    }

    private static void Refuse(string package, string name, string? problem)
    {
        if (problem is null)
            return;
        var shown = new string([.. name.Take(LongestPath).Select(c => char.IsControl(c) ? '?' : c)]);
        throw new KdException(
            HostErrors.PathOutside,
            $"{package}: the entry '{shown}' {problem}.",
            "Make the package by 'kd plugins pack' or by the build; do not use one that came with such an entry."
        );
    }
}
