using System.Security.Cryptography;

namespace KdPlugins.Host.Loading.Files;

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

    /// <summary>Reads a folder. What is refused is among the findings; then nothing was opened, and the files are not there.</summary>
    internal static FolderSnapshot Take(string folder, LoaderOptions options, List<Finding> findings)
    {
        var walk = FolderWalk.Of(folder, options);
        findings.AddRange(walk.Refusals);
        return walk.Refusals.Count > 0
            ? new([])
            : new([.. walk.Entries.Where(e => e.Info is FileInfo).Select(e => Read(e, options, findings))]);
    }

    /// <summary>Whether nothing was added, removed or changed.</summary>
    internal bool SameAs(FolderSnapshot other) => Files.SequenceEqual(other.Files);

    private static SnapshotFile Read(FolderEntry entry, LoaderOptions options, List<Finding> findings)
    {
        var file = (FileInfo)entry.Info;
        var data = new SnapshotFile(entry.Path, file.Length, file.LastWriteTimeUtc, "");
        if (!IsHashed(entry.Path, options.Trust))
            return data;
        try
        {
            using var stream = new FileStream(
                file.FullName,
                FileMode.Open,
                FileAccess.Read,
                FileShare.ReadWrite | FileShare.Delete
            );
            if (stream.Length <= options.MaxAssemblyBytes)
                return data with { Length = stream.Length, Sha256 = Convert.ToHexStringLower(SHA256.HashData(stream)) };
            findings.Add(
                Finding.Error(
                    HostErrors.TooLarge,
                    $"{file.FullName} has {stream.Length} bytes; the loader reads at most {options.MaxAssemblyBytes}."
                )
            );
        }
        catch (UnauthorizedAccessException e)
        {
            findings.Add(FolderWalk.Unreadable(file.FullName, e));
        }
        return data;
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
