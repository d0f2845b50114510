using System.Security.Cryptography;
using System.Text;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Files;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Torch;

namespace KdPlugins.Host.Service.Plugins;

/// <summary>A folder or package of plugins as it lies in the watched folder.</summary>
/// <param name="Hash">SHA-256 over names and contents; where it cannot be used, over the reason.</param>
/// <param name="Problem">Why nothing of it may be opened; null where it may.</param>
internal sealed record ScannedSource(string Hash, string? Problem);

/// <summary>
/// What lies in a folder of plugins, cheaply for looking often, and by content for being sure. One folder that cannot be
/// looked into is told by name, and holds none of the others up.
/// </summary>
internal static class PluginScan
{
    /// <summary>Names, lengths and times of everything below a folder: another text where anything changed.</summary>
    internal static string Signature(string root, CancellationToken stop = default)
    {
        if (!Directory.Exists(root))
            return "";
        var text = new StringBuilder();
        foreach (
            var info in new DirectoryInfo(root).EnumerateFileSystemInfos().OrderBy(i => i.Name, StringComparer.Ordinal)
        )
        {
            text.Append(info.Name).Append('|').Append(info.LinkTarget);
            if (EntryKinds.Of(info) == EntryKind.File)
                Describe(text, info);
        }
        foreach (var source in FolderPluginCatalog.Sources(root).Where(s => !FolderPluginCatalog.IsPackage(s)))
        {
            var walk = FolderWalk.Of(source, new(), stop);
            foreach (var entry in walk.Entries)
                Describe(text.Append(source).Append('|').Append(entry.Path), entry.Info);
            foreach (var refusal in walk.Refusals)
                text.Append(refusal.Detail);
        }
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    /// <summary>The plugin folders and packages by name.</summary>
    internal static SortedDictionary<string, ScannedSource> Folders(string root, CancellationToken stop = default)
    {
        var found = new SortedDictionary<string, ScannedSource>(StringComparer.Ordinal);
        if (Directory.Exists(root))
            foreach (var source in FolderPluginCatalog.Sources(root))
                found[Path.GetFileName(source)] = Look(source, stop);
        return found;
    }

    /// <summary>A folder's or package's content.</summary>
    internal static ScannedSource Look(string source, CancellationToken stop = default)
    {
        if (FolderWalk.Problem(source) is { } problem)
            return Unusable(problem);
        var file = source;
        try
        {
            if (FolderPluginCatalog.IsPackage(source))
                return new(Convert.ToHexStringLower(HashFile(source)), null);
            var walk = FolderWalk.Of(source, new(), stop);
            if (walk.Refusals is [var first, ..])
                return Unusable(first);
            using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var entry in walk.Entries)
            {
                stop.ThrowIfCancellationRequested();
                file = entry.Info.FullName;
                sha.AppendData(Encoding.UTF8.GetBytes($"{entry.Path}\n{entry.Info.LinkTarget}\n"));
                if (entry.Info is FileInfo)
                    sha.AppendData(HashFile(file));
            }
            return new(Convert.ToHexStringLower(sha.GetHashAndReset()), null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Unusable(FolderWalk.Unreadable(file, e));
        }
    }

    /// <summary>SHA-256 of a plain file's content.</summary>
    internal static byte[] HashFile(string path)
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

    /// <summary>Copies a folder that was looked into, links as links.</summary>
    internal static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var entry in FolderWalk.Of(from, new()).Entries)
        {
            var target = Path.Combine(to, entry.Path);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            if (entry.Info.LinkTarget is { } link)
                File.CreateSymbolicLink(target, link);
            else
                File.Copy(entry.Info.FullName, target);
        }
    }

    // The mode too: a file that may be read at last is another file, though nothing in it has changed.
    private static void Describe(StringBuilder text, FileSystemInfo info)
    {
        text.Append('|').Append(info.LinkTarget).Append('|').Append(info.LastWriteTimeUtc.Ticks);
        if (info is FileInfo { LinkTarget: null } file)
            text.Append('|').Append(file.Length);
        if (!OperatingSystem.IsWindows())
            text.Append('|').Append((int)info.UnixFileMode);
    }

    private static ScannedSource Unusable(Finding problem) =>
        new(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(problem.Detail))), problem.ToString());
}
