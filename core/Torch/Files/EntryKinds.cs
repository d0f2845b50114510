using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace KdPlugins.Torch;

/// <summary>What an entry of a folder is by itself.</summary>
public enum EntryKind
{
    /// <summary>Nothing is there.</summary>
    Missing,

    /// <summary>A plain file.</summary>
    File,

    /// <summary>A folder.</summary>
    Folder,

    /// <summary>A symbolic link, wherever it leads.</summary>
    Link,

    /// <summary>A pipe, a socket or a device: opening one may wait for ever, or do something.</summary>
    Special,
}

/// <summary>Tells files from what only looks like one, without opening it.</summary>
public static partial class EntryKinds
{
    // Of Linux on x86-64 and arm64.
    private const int CurrentFolder = -100;
    private const int NoFollow = 0x100;
    private const int EmptyPath = 0x1000;
    private const uint WantsType = 1;
    private const int ModeOffset = 28;
    private const int TypeMask = 0xF000;

    /// <summary>The kind of an entry; a link is not followed.</summary>
    public static EntryKind Of(FileSystemInfo info)
    {
        if (info.LinkTarget is not null)
            return EntryKind.Link;
        if (OperatingSystem.IsLinux())
            return Linux(CurrentFolder, info.FullName, NoFollow);
        // Other systems' kinds have no name in the framework; what is no folder is taken for a file there.
        return info.Exists ? (info is DirectoryInfo ? EntryKind.Folder : EntryKind.File) : EntryKind.Missing;
    }

    /// <summary>The kind of what is open; Linux only.</summary>
    internal static EntryKind Of(SafeFileHandle open) => Linux((int)open.DangerousGetHandle(), "", EmptyPath);

    private static EntryKind Linux(int folder, string path, int flags)
    {
        Span<byte> facts = stackalloc byte[256];
        if (Statx(folder, path, flags, WantsType, facts) != 0)
            return EntryKind.Missing;
        return (BitConverter.ToUInt16(facts[ModeOffset..]) & TypeMask) switch
        {
            0x8000 => EntryKind.File,
            0x4000 => EntryKind.Folder,
            0xA000 => EntryKind.Link,
            _ => EntryKind.Special,
        };
    }

    // The one call for this whose answer looks the same on every processor.
    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int folder, string path, int flags, uint mask, Span<byte> facts);
}
