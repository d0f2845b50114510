using System.Security.Cryptography;
using System.Text;

namespace KdPlugins.Host.Service.Plugins;

/// <summary>What lies in a folder of plugins, cheaply for looking often, and by content for being sure.</summary>
internal static class PluginScan
{
    /// <summary>Names, lengths and times of everything below a folder: another text where anything changed.</summary>
    internal static string Signature(string root)
    {
        if (!Directory.Exists(root))
            return "";
        var text = new StringBuilder();
        foreach (
            var file in new DirectoryInfo(root)
                .EnumerateFiles("*", Everything)
                .OrderBy(f => f.FullName, StringComparer.Ordinal)
        )
            text.Append(file.FullName).Append('|').Append(file.Length).Append('|').Append(file.LastWriteTimeUtc.Ticks);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    /// <summary>The plugin folders by name, each with the SHA-256 over its files' names and contents.</summary>
    internal static SortedDictionary<string, string> Folders(string root)
    {
        var found = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (Directory.Exists(root))
            foreach (var folder in Directory.EnumerateDirectories(root))
                if (!Path.GetFileName(folder).StartsWith('.'))
                    found[Path.GetFileName(folder)] = Hash(folder);
        return found;
    }

    /// <summary>SHA-256 over names and contents of the files in a folder.</summary>
    internal static string Hash(string folder)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in Directory.EnumerateFiles(folder, "*", Everything).Order(StringComparer.Ordinal))
        {
            sha.AppendData(Encoding.UTF8.GetBytes(Path.GetRelativePath(folder, file) + "\n"));
            using var stream = new FileStream(
                file,
                FileMode.Open,
                FileAccess.Read,
                FileShare.ReadWrite | FileShare.Delete
            );
            sha.AppendData(SHA256.HashData(stream));
        }
        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }

    /// <summary>The name of a set of folders.</summary>
    internal static string SetName(IEnumerable<KeyValuePair<string, string>> folders) =>
        Convert.ToHexStringLower(
            SHA256.HashData(Encoding.UTF8.GetBytes(string.Join("\n", folders.Select(f => $"{f.Key} {f.Value}"))))
        )[..16];

    /// <summary>Copies a folder, links as links.</summary>
    internal static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var info in new DirectoryInfo(from).EnumerateFileSystemInfos())
        {
            var target = Path.Combine(to, info.Name);
            if (info.LinkTarget is { } link)
                File.CreateSymbolicLink(target, link);
            else if (info is DirectoryInfo)
                Copy(info.FullName, target);
            else
                File.Copy(info.FullName, target);
        }
    }

    private static EnumerationOptions Everything { get; } =
        new()
        {
            RecurseSubdirectories = true,
            AttributesToSkip = FileAttributes.None,
            MaxRecursionDepth = 32,
        };
}
