using System.Security.Cryptography;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>A file of a plugin's folder.</summary>
/// <param name="Path">Relative to the folder, with '/'.</param>
/// <param name="Length">In bytes.</param>
/// <param name="Changed">When it was last written.</param>
/// <param name="Sha256">Lower-case hexadecimal; empty for data files, which are not code.</param>
internal sealed record SnapshotFile(string Path, long Length, DateTime Changed, string Sha256);

/// <summary>
/// The files of a plugin's folder at one moment. Assemblies and json files have their hash; native libraries, which are
/// large, only where folders are locked by hash; data only where they are signed.
/// </summary>
internal sealed class FolderSnapshot
{
    private static readonly string[] ManagedEndings = [".dll", ".exe", ".json"];
    private static readonly string[] NativeEndings = [".so", ".dylib"];

    private FolderSnapshot(IReadOnlyList<SnapshotFile> files) => Files = files;

    /// <summary>Every file, ordered by path.</summary>
    internal IReadOnlyList<SnapshotFile> Files { get; }

    /// <summary>The files that were hashed, ordered by path.</summary>
    internal IEnumerable<SnapshotFile> Code => Files.Where(f => f.Sha256.Length > 0);

    /// <summary>Reads a folder. What is refused (links that lead out, files past the caps) is among the findings.</summary>
    internal static FolderSnapshot Take(string folder, LoaderOptions options, List<Finding> findings)
    {
        var files = new List<SnapshotFile>();
        var root = RealPath.Of(folder);
        foreach (var info in Enumerate(folder))
        {
            if (files.Count == options.MaxFiles)
            {
                findings.Add(Finding.Error(HostErrors.TooLarge, $"{folder} has more than {options.MaxFiles} files."));
                break;
            }
            if (info.LinkTarget is not null && !RealPath.IsInside(root, RealPath.Of(info.FullName)))
                findings.Add(
                    Finding.Error(
                        HostErrors.PathOutside,
                        $"{info.FullName} is a link to {info.LinkTarget}, outside {folder}."
                    )
                );
            else if (info is FileInfo file)
                files.Add(Read(folder, file, options, findings));
        }
        return new([.. files.OrderBy(f => f.Path, StringComparer.Ordinal)]);
    }

    /// <summary>Whether nothing was added, removed or changed.</summary>
    internal bool SameAs(FolderSnapshot other) => Files.SequenceEqual(other.Files);

    // Linked folders are named, but not entered: what they hold is either inside anyway, or refused as a whole.
    private static IEnumerable<FileSystemInfo> Enumerate(string folder)
    {
        var pending = new Stack<DirectoryInfo>([new(folder)]);
        while (pending.TryPop(out var next))
            foreach (var info in next.EnumerateFileSystemInfos())
            {
                if (info is DirectoryInfo { LinkTarget: null } directory)
                    pending.Push(directory);
                else
                    yield return info;
            }
    }

    private static SnapshotFile Read(string folder, FileInfo file, LoaderOptions options, List<Finding> findings)
    {
        var path = Path.GetRelativePath(folder, file.FullName).Replace('\\', '/');
        if (!IsHashed(path, options.Trust))
            return new(path, file.Length, file.LastWriteTimeUtc, "");
        using var stream = new FileStream(
            file.FullName,
            FileMode.Open,
            FileAccess.Read,
            FileShare.ReadWrite | FileShare.Delete
        );
        if (stream.Length > options.MaxAssemblyBytes)
        {
            findings.Add(
                Finding.Error(
                    HostErrors.TooLarge,
                    $"{file.FullName} has {stream.Length} bytes; the loader reads at most {options.MaxAssemblyBytes}."
                )
            );
            return new(path, stream.Length, file.LastWriteTimeUtc, "");
        }
        return new(path, stream.Length, file.LastWriteTimeUtc, Convert.ToHexStringLower(SHA256.HashData(stream)));
    }

    private static bool IsHashed(string path, TrustLevel trust)
    {
        var name = Path.GetFileName(path);
        return trust == TrustLevel.Signed
            || EndsWithAny(name, ManagedEndings)
            || (
                trust != TrustLevel.Open
                && (EndsWithAny(name, NativeEndings) || name.Contains(".so.", StringComparison.Ordinal))
            );
    }

    private static bool EndsWithAny(string name, string[] endings) =>
        endings.Any(e => name.EndsWith(e, StringComparison.OrdinalIgnoreCase));
}
