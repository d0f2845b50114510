using System.Security.Cryptography;
using System.Text;
using KdPlugins.Host.Loading;

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

    /// <summary>
    /// The plugin folders and packages by name, each with the SHA-256 over its files' names and contents, or over the
    /// package's.
    /// </summary>
    internal static SortedDictionary<string, string> Folders(string root)
    {
        var found = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (Directory.Exists(root))
            foreach (var source in FolderPluginCatalog.Sources(root))
                found[Path.GetFileName(source)] = Hash(source);
        return found;
    }

    /// <summary>SHA-256 over names and contents of the files in a folder, or over the content of a file.</summary>
    internal static string Hash(string source)
    {
        if (File.Exists(source))
            return Convert.ToHexStringLower(HashFile(source));
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in Directory.EnumerateFiles(source, "*", Everything).Order(StringComparer.Ordinal))
        {
            sha.AppendData(Encoding.UTF8.GetBytes(Path.GetRelativePath(source, file) + "\n"));
            sha.AppendData(HashFile(file));
        }
        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }

    private static byte[] HashFile(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return SHA256.HashData(stream);
    }

    /// <summary>The name of a set of folders that were let in by some rules.</summary>
    internal static string SetName(IEnumerable<KeyValuePair<string, string>> folders, string rules) =>
        Convert.ToHexStringLower(
            SHA256.HashData(
                Encoding.UTF8.GetBytes(string.Join("\n", folders.Select(f => $"{f.Key} {f.Value}").Append(rules)))
            )
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
