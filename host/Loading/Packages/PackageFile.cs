using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using KdPlugins.Host.Loading.Manifest;
using KdPlugins.Torch;

namespace KdPlugins.Host.Loading.Packages;

/// <summary>
/// A .kdplugin file: a zip with plugin.json, which names every other file with its SHA-256. Nothing in it is believed: what
/// is unpacked is exactly what plugin.json lists, below the folder that is named, within the limits, with those hashes.
/// </summary>
internal static class PackageFile
{
    /// <summary>How a package's file is called.</summary>
    internal const string Ending = ".kdplugin";

    private const int EndRecord = 22;
    private const uint EndSignature = 0x06054b50;
    private const int MaxDirectoryBytes = 8 << 20;
    private const long MaxRatio = 200;
    private const long FreeOfRatio = 1 << 20;

    /// <summary>Unpacks a package into a new folder; one that is refused leaves nothing there.</summary>
    /// <exception cref="KdException">
    /// <c>KDP0123</c>: it is no package, or not what its plugin.json says; <c>KDP0110</c>: an entry leads out;
    /// <c>KDP0122</c>: too large, too many files, or a bomb.
    /// </exception>
    internal static void Extract(Stream package, string name, string folder, LoaderOptions options)
    {
        Directory.CreateDirectory(folder);
        try
        {
            CheckShape(package, name, options);
            using var archive = new ZipArchive(package, ZipArchiveMode.Read, leaveOpen: true);
            CheckSizes(archive, package.Length, name, options);
            PackageEntry.CheckAll(name, archive.Entries);
            var listed = ReadManifest(archive, name, folder);
            foreach (var entry in archive.Entries.Where(e => e.FullName != PluginManifest.FileName))
                Unpack(entry, name, folder, listed);
            if (listed.Count > 0)
                throw Bad(name, $"plugin.json lists '{listed.Keys.First()}', which is not in it.");
        }
        catch (Exception e)
        {
            Directory.Delete(folder, recursive: true);
            if (e is InvalidDataException or EndOfStreamException or ArgumentException or NotSupportedException)
                throw Bad(name, $"it cannot be read: {e.Message.TrimEnd('.')}.", e);
            throw;
        }
    }

    // The archive's directory is read whole by the runtime: its size is judged before, by the record at the very end.
    private static void CheckShape(Stream package, string name, LoaderOptions options)
    {
        if (package.Length > options.MaxPackageBytes)
            throw Large(name, $"has {package.Length} bytes; at most {options.MaxPackageBytes} are read");
        if (package.Length < EndRecord)
            throw Bad(name, $"{package.Length} bytes are no zip archive.");
        var end = new byte[EndRecord];
        package.Seek(-EndRecord, SeekOrigin.End);
        package.ReadExactly(end);
        package.Seek(0, SeekOrigin.Begin);
        if (BinaryPrimitives.ReadUInt32LittleEndian(end) != EndSignature)
            throw Bad(name, "it does not end like a zip archive without a comment.");
        var (count, size, start) = (
            BinaryPrimitives.ReadUInt16LittleEndian(end.AsSpan(10)),
            BinaryPrimitives.ReadUInt32LittleEndian(end.AsSpan(12)),
            BinaryPrimitives.ReadUInt32LittleEndian(end.AsSpan(16))
        );
        if (count > options.MaxFiles || size > MaxDirectoryBytes)
            throw Large(name, $"has {count} entries; at most {options.MaxFiles} are read");
        if (start + (long)size != package.Length - EndRecord)
            throw Bad(name, "its directory does not lie at its end.");
    }

    private static void CheckSizes(ZipArchive archive, long length, string name, LoaderOptions options)
    {
        long total = 0;
        long packed = 0;
        foreach (var entry in archive.Entries)
        {
            total = checked(total + entry.Length);
            packed = checked(packed + entry.CompressedLength);
            if (total > options.MaxPackageBytes)
                throw Large(name, $"unpacks to more than {options.MaxPackageBytes} bytes");
            if (entry.Length > FreeOfRatio && entry.Length / MaxRatio > entry.CompressedLength)
                throw Large(name, $"has '{entry.Name}', which unpacks to more than {MaxRatio} times its size");
        }
        if (packed > length)
            throw Bad(name, "its entries lie in each other.");
    }

    private static Dictionary<string, string> ReadManifest(ZipArchive archive, string name, string folder)
    {
        var entry =
            archive.GetEntry(PluginManifest.FileName) ?? throw Bad(name, $"it has no {PluginManifest.FileName}.");
        var path = Path.Combine(folder, PluginManifest.FileName);
        if (entry.Length > PluginManifest.MaxBytes)
            throw Large(name, $"has a {PluginManifest.FileName} of {entry.Length} bytes");
        Write(entry, name, path);
        List<Finding> findings = [];
        var manifest = PluginManifest.Read(folder, findings);
        if (findings.Find(f => f.Severity == Severity.Error) is { } wrong)
            throw new KdException(wrong.Code, $"{name}: {wrong.Detail}", wrong.Remedy);
        var missing =
            manifest!.Id is null ? "id"
            : manifest.Version is null ? "version"
            : manifest.Sdk is null ? "sdk"
            : manifest.EntryAssembly is null ? "entryAssembly"
            : null;
        if (missing is not null)
            throw Bad(name, $"its {PluginManifest.FileName} has no '{missing}'.");
        var listed = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in manifest.Files)
            if (!listed.TryAdd(file.Path, file.Sha256))
                throw Bad(name, $"its {PluginManifest.FileName} lists '{file.Path}' twice.");
        return listed;
    }

    private static void Unpack(ZipArchiveEntry entry, string name, string folder, Dictionary<string, string> listed)
    {
        var path = Path.Combine(folder, entry.FullName);
        // After the names were judged this cannot fail; it stands between a slip there and the rest of the disk.
        if (
            !Path.GetFullPath(path)
                .StartsWith(Path.GetFullPath(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal)
        )
            throw new KdException(HostErrors.PathOutside, $"{name}: the entry '{entry.FullName}' leads out of it.");
        if (entry.FullName == PluginSignature.FileName)
        {
            if (entry.Length > PluginSignature.MaxBytes)
                throw Large(name, $"has a {PluginSignature.FileName} of {entry.Length} bytes");
            Write(entry, name, path);
            return;
        }
        if (!listed.Remove(entry.FullName, out var expected))
            throw Bad(name, $"'{entry.FullName}' is in it, but not under 'files' of {PluginManifest.FileName}.");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var actual = Write(entry, name, path);
        if (actual != expected)
            throw Bad(name, $"'{entry.FullName}' has the SHA-256 {actual}, not {expected}.");
    }

    // Never more than the directory said, whatever the stream holds. Gives the SHA-256.
    private static string Write(ZipArchiveEntry entry, string name, string path)
    {
        using var from = entry.Open();
        using var to = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[81920];
        var left = entry.Length;
        for (int read; (read = from.Read(buffer)) > 0; left -= read)
        {
            if (read > left)
                throw Bad(name, $"'{entry.FullName}' is longer than the {entry.Length} bytes that it says.");
            sha.AppendData(buffer, 0, read);
            to.Write(buffer, 0, read);
        }
        return left == 0
            ? Convert.ToHexStringLower(sha.GetHashAndReset())
            : throw Bad(name, $"'{entry.FullName}' is shorter than the {entry.Length} bytes that it says.");
    }

    private static KdException Bad(string name, string detail, Exception? inner = null) =>
        new(HostErrors.BadPackage, $"{name}: {detail}", null, inner);

    private static KdException Large(string name, string detail) => new(HostErrors.TooLarge, $"{name} {detail}.");
}
