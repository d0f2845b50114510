using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace KdPlugins.Torch;

/// <summary>
/// Opens what others put there: plain files, and nothing else. A pipe, a socket or a device would wait for ever, or never
/// end, and is refused before a byte of it is asked for.
/// </summary>
public static partial class PlainFile
{
    // Of Linux on x86-64 and arm64.
    private const int NonBlocking = 0x800;
    private const int CloseOnExec = 0x80000;

    /// <summary>Opens a file for reading; others may write, rename and delete it meanwhile.</summary>
    /// <param name="path">The file; links are followed.</param>
    /// <param name="bufferSize">Bytes that are read ahead; 0 for none.</param>
    /// <exception cref="IOException">There is no such file, or it is no plain file.</exception>
    /// <exception cref="UnauthorizedAccessException">It is a folder, or may not be read.</exception>
    public static FileStream Open(string path, int bufferSize = 4096)
    {
        if (!OperatingSystem.IsLinux())
            return OpenByName(path, bufferSize);
        var handle = OpenHandle(Path.GetFullPath(path), NonBlocking | CloseOnExec);
        // What cannot be opened so cannot be opened otherwise; the framework says why in its own words.
        if (handle.IsInvalid)
        {
            handle.Dispose();
            return OpenByName(path, bufferSize);
        }
        try
        {
            Check(handle, path);
            return new FileStream(handle, FileAccess.Read, bufferSize);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>The bytes of a file that has no more than it may have.</summary>
    /// <exception cref="IOException">As <see cref="Open"/>, and where it is longer.</exception>
    public static byte[] ReadBytes(string path, int most)
    {
        using var file = Open(path, 0);
        if (file.Length > most)
            throw TooLong(path, file.Length, most);
        // What the length says is not relied upon: a file may grow, and those of /proc say 0.
        using var bytes = new MemoryStream((int)file.Length);
        var part = new byte[1 << 16];
        while (file.Read(part) is > 0 and var count)
        {
            if (bytes.Length + count > most)
                throw TooLong(path, bytes.Length + count, most);
            bytes.Write(part, 0, count);
        }
        return bytes.ToArray();
    }

    /// <summary>The text of a file of UTF-8 that has no more bytes than it may have.</summary>
    /// <exception cref="IOException">As <see cref="ReadBytes"/>.</exception>
    public static string ReadText(string path, int most)
    {
        using var reader = new StreamReader(new MemoryStream(ReadBytes(path, most)), Encoding.UTF8);
        return reader.ReadToEnd();
    }

    private static IOException TooLong(string path, long length, int most) =>
        new($"'{path}' has {length} bytes; at most {most} are read.");

    private static FileStream OpenByName(string path, int bufferSize) =>
        new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize);

    private static void Check(SafeFileHandle handle, string path)
    {
        switch (EntryKinds.Of(handle))
        {
            case EntryKind.File:
                return;
            case EntryKind.Missing:
                throw new IOException($"'{path}' cannot be looked at.");
            case EntryKind.Folder:
                throw new UnauthorizedAccessException($"'{path}' is a folder, not a file.");
            default:
                throw new IOException($"'{path}' is a pipe, a socket or a device, not a plain file.");
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial SafeFileHandle OpenHandle(string path, int flags);
}
