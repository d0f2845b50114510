using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace KdPlugins.Torch.Weights;

/// <summary>
/// Writes a file so that a crash, a full disk or an exception at any moment leaves either the old content or the new
/// one, never a part: temporary file in the same folder, flush to disk, rename, flush of the folder.
/// </summary>
public static partial class AtomicFile
{
    /// <summary>The end of the names of temporary files. One that is found later is left from a crash and worthless.</summary>
    public const string TemporarySuffix = ".kd-tmp";

    /// <summary>Writes or replaces a file.</summary>
    /// <param name="path">
    /// The file; its folder must exist. Readers that have the old file open keep seeing the old content. A symbolic
    /// link is replaced, not followed.
    /// </param>
    /// <param name="write">Writes the content. What it throws reaches the caller, and the old file stays.</param>
    /// <returns>Length and SHA-256 of what was written.</returns>
    /// <exception cref="KdException">The file system refuses (KDP0560).</exception>
    public static WrittenFile Write(string path, Action<Stream> write)
    {
        try
        {
            string full = Path.GetFullPath(path);
            string folder = Path.GetDirectoryName(full) ?? throw new IOException("the path names no file");
            string temporary = Path.Combine(folder, $".{Guid.NewGuid():N}{TemporarySuffix}");
            try
            {
                WrittenFile written = WriteTemporary(temporary, full, write);
                File.Move(temporary, full, overwrite: true);
                FlushFolder(folder);
                return written;
            }
            catch
            {
                DeleteQuietly(temporary);
                throw;
            }
        }
        catch (Exception e)
            when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw WeightFault.Of(WeightErrors.WriteFailed, path, e.Message, e);
        }
    }

    private static WrittenFile WriteTemporary(string temporary, string target, Action<Stream> write)
    {
        using var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        write(new MeteredStream(file, hash));
        file.Flush(flushToDisk: true);
        return new WrittenFile(target, file.Length, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    private static void DeleteQuietly(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The first failure is the one to report.
        }
    }

    /// <summary>
    /// Makes renames and new names in a folder survive a loss of power. .NET cannot flush a folder; where libc cannot
    /// either, the renames are atomic all the same.
    /// </summary>
    /// <param name="folder">The folder whose entries changed.</param>
    public static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        int descriptor = Open(folder, 0);
        if (descriptor >= 0)
        {
            _ = Sync(descriptor);
            _ = Close(descriptor);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
