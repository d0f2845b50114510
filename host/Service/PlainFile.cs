using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace KdPlugins.Host.Service;

/// <summary>Reads what others put there: plain files, and nothing else. A pipe or a device would never come to its end.</summary>
internal static partial class PlainFile
{
    // Of Linux on x86-64 and arm64.
    private const int NonBlocking = 0x800;
    private const int CloseOnExec = 0x80000;
    private const int EmptyPath = 0x1000;
    private const uint WantsType = 1;
    private const int ModeOffset = 28;
    private const int TypeMask = 0xF000;
    private const int Regular = 0x8000;

    /// <summary>The text of a file of UTF-8 that has no more bytes than it may have; links are followed.</summary>
    /// <exception cref="IOException">There is no such file, it is no plain one, or it is longer.</exception>
    internal static string ReadText(string path, int most)
    {
        using var handle = Open(path, NonBlocking | CloseOnExec);
        if (handle.IsInvalid)
            throw new IOException($"'{path}' cannot be read: {Marshal.GetLastPInvokeErrorMessage()}.");
        Span<byte> facts = stackalloc byte[256];
        if (Statx(handle, "", EmptyPath, WantsType, facts) != 0)
            throw new IOException($"'{path}' cannot be looked at: {Marshal.GetLastPInvokeErrorMessage()}.");
        if ((BitConverter.ToUInt16(facts[ModeOffset..]) & TypeMask) != Regular)
            throw new IOException($"'{path}' is no plain file.");
        using var file = new FileStream(handle, FileAccess.Read, 0);
        if (file.Length > most)
            throw new IOException($"'{path}' has {file.Length} bytes; at most {most} are read.");
        // It may grow while it is read.
        var bytes = new byte[most];
        var count = file.ReadAtLeast(bytes, most, throwOnEndOfStream: false);
        using var reader = new StreamReader(new MemoryStream(bytes, 0, count), Encoding.UTF8);
        return reader.ReadToEnd();
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial SafeFileHandle Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Statx(SafeFileHandle handle, string path, int flags, uint mask, Span<byte> facts);
}
