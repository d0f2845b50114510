using System.Reflection.PortableExecutable;
using System.Runtime.InteropServices;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>Which machine fields this process can run.</summary>
internal static class Machines
{
    // A precompiled image names its system by this mask over the machine field (readytorun format, "OS overrides").
    private static readonly (int Mask, string System)[] Systems =
    [
        (0, "Windows or any"),
        (0x7B79, "Linux"),
        (0x4644, "macOS"),
        (0xADC4, "FreeBSD"),
    ];

    /// <summary>What the image is for, where that is not this process; else null.</summary>
    internal static string? Foreign(PEHeaders headers)
    {
        var machine = (int)headers.CoffHeader.Machine;
        var flags = headers.CorHeader?.Flags ?? 0;
        if (machine == (int)Machine.I386 && (flags & CorFlags.Requires32Bit) == 0)
            return null;
        foreach (var (mask, system) in Systems)
        {
            if (!Enum.IsDefined((Machine)(machine ^ mask)))
                continue;
            var actual = (Machine)(machine ^ mask);
            var fits = actual == Own && (mask == 0 || system == OwnSystem);
            return fits ? null : $"{actual} ({system})";
        }
        return $"an unknown machine (0x{machine:X4})";
    }

    /// <summary>This process, for messages.</summary>
    internal static string Process => $"{Own} ({OwnSystem})";

    private static Machine Own =>
        RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.X64 => Machine.Amd64,
            Architecture.Arm64 => Machine.Arm64,
            Architecture.X86 => Machine.I386,
            _ => Machine.Unknown,
        };

    private static string OwnSystem =>
        OperatingSystem.IsLinux() ? "Linux"
        : OperatingSystem.IsMacOS() ? "macOS"
        : "Windows or any";
}
