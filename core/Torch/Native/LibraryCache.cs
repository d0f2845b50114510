using System.Security.Cryptography;

namespace KdPlugins.Torch.Native;

/// <summary>Keeps changed copies of libraries in the user's cache folder, named by the hash of their content.</summary>
internal static class LibraryCache
{
    /// <summary>A file to load, and whether it is to be deleted once it is loaded.</summary>
    internal readonly record struct Entry(string Path, bool Temporary);

    /// <summary>Where copies are kept; null for an account without a home.</summary>
    internal static string? DefaultFolder => UserCache.Folder("native");

    /// <summary>
    /// The path of a file with exactly <paramref name="content"/>. A copy that is damaged is replaced; several processes
    /// may ask at once; a folder that cannot be written to is replaced by a private temporary one.
    /// </summary>
    internal static Entry Provide(byte[] content, string fileName, string? folder)
    {
        if (folder is null)
            return ProvideTemporary(content, fileName);
        var hash = Convert.ToHexStringLower(SHA256.HashData(content));
        var target = Path.Combine(folder, hash[..16], fileName);
        if (Holds(target, content))
            return new(target, Temporary: false);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            WriteBeside(target, content);
            return new(target, Temporary: false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ProvideTemporary(content, fileName);
        }
    }

    // A folder of our own with mode 0700: nobody else can place a library there.
    private static Entry ProvideTemporary(byte[] content, string fileName)
    {
        var temporary = Path.Combine(Directory.CreateTempSubdirectory("kdplugins-").FullName, fileName);
        File.WriteAllBytes(temporary, content);
        return new(temporary, Temporary: true);
    }

    /// <summary>Removes a temporary copy; a library that is loaded stays usable without its name.</summary>
    internal static void Release(Entry entry)
    {
        if (entry.Temporary && Path.GetDirectoryName(entry.Path) is { } folder)
            Directory.Delete(folder, recursive: true);
    }

    private static bool Holds(string path, byte[] content)
    {
        try
        {
            return new FileInfo(path) is { Exists: true } file
                && file.Length == content.Length
                && SHA256.HashData(File.ReadAllBytes(path)).AsSpan().SequenceEqual(SHA256.HashData(content));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Writes a file that is there whole or not at all.</summary>
    // Renaming gives the name a new inode: a process that has the old one mapped keeps it.
    internal static void WriteBeside(string target, byte[] content)
    {
        var temporary = $"{target}.{Environment.ProcessId}.{Guid.NewGuid():N}";
        try
        {
            using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                file.Write(content);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
