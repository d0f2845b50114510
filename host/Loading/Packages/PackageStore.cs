using System.Security.Cryptography;
using KdPlugins.Host.Loading.Manifest;
using KdPlugins.Torch;

namespace KdPlugins.Host.Loading.Packages;

/// <summary>
/// Unpacked packages, each in a folder called by the package's SHA-256: made whole by renaming, looked at again before it is
/// used, and deleted when nobody has used it for a month. Several processes may use one store.
/// </summary>
internal sealed class PackageStore(string root, TimeProvider clock)
{
    private const string Unfinished = ".tmp-";
    private static readonly TimeSpan KeepUnfinished = TimeSpan.FromHours(1);
    private static readonly TimeSpan Keep = TimeSpan.FromDays(30);

    /// <summary>KD_PACKAGES, or a folder of the user's.</summary>
    internal static string DefaultFolder
    {
        get
        {
            if (Environment.GetEnvironmentVariable("KD_PACKAGES") is { Length: > 0 } named)
                return named;
            var own = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
            return own.Length > 0
                ? Path.Combine(own, "kdplugins", "packages")
                : Path.Combine(Path.GetTempPath(), $"kdplugins-{Environment.UserName}", "packages");
        }
    }

    /// <summary>The folder with a package's files.</summary>
    /// <exception cref="KdException">The package is refused, see <see cref="PackageFile.Extract"/>.</exception>
    internal string Unpack(string package, LoaderOptions options)
    {
        // Held open and hashed once: what is unpacked is what was hashed, whatever happens to the file meanwhile.
        using var stream = new FileStream(package, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        if (stream.Length > options.MaxPackageBytes)
            throw new KdException(HostErrors.TooLarge, $"{package} has {stream.Length} bytes.");
        var hash = Convert.ToHexStringLower(SHA256.HashData(stream));
        var folder = Path.Combine(root, hash);
        if (Directory.Exists(folder) && IsWhole(folder))
        {
            Directory.SetLastWriteTimeUtc(folder, clock.GetUtcNow().UtcDateTime);
            return folder;
        }
        MakeRoot();
        CleanUp();
        var temporary = Path.Combine(root, $"{Unfinished}{hash[..16]}-{Path.GetRandomFileName()}");
        PackageFile.Extract(stream, Path.GetFileName(package), temporary, options);
        MoveInto(temporary, folder);
        return folder;
    }

    private void MakeRoot()
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(root);
        else
            Directory.CreateDirectory(root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private static void MoveInto(string temporary, string folder)
    {
        // One that was there and not whole: somebody changed its files.
        if (Directory.Exists(folder) && !IsWhole(folder))
            Directory.Move(folder, $"{temporary}.old");
        try
        {
            Directory.Move(temporary, folder);
        }
        catch (IOException) when (Directory.Exists(folder))
        {
            // Another process was first.
            Directory.Delete(temporary, recursive: true);
        }
        if (Directory.Exists($"{temporary}.old"))
            Directory.Delete($"{temporary}.old", recursive: true);
    }

    // Exactly the files that plugin.json lists, with their hashes: the store is only a copy, and may have been changed.
    private static bool IsWhole(string folder)
    {
        var expected = PluginManifest.Read(folder, [])?.Files.ToDictionary(f => f.Path, f => f.Sha256) ?? [];
        foreach (var path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            var name = Path.GetRelativePath(folder, path).Replace('\\', '/');
            if (name is PluginManifest.FileName or PluginSignature.FileName)
                continue;
            using var stream = File.OpenRead(path);
            if (!expected.Remove(name, out var hash) || Convert.ToHexStringLower(SHA256.HashData(stream)) != hash)
                return false;
        }
        return expected.Count == 0;
    }

    private void CleanUp()
    {
        var now = clock.GetUtcNow().UtcDateTime;
        foreach (var folder in Directory.EnumerateDirectories(root))
        {
            var unfinished = Path.GetFileName(folder).StartsWith(Unfinished, StringComparison.Ordinal);
            if (now - Directory.GetLastWriteTimeUtc(folder) <= (unfinished ? KeepUnfinished : Keep))
                continue;
            try
            {
                Directory.Delete(folder, recursive: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Another process cleans up too, or it is not ours to delete.
            }
        }
    }
}
