using System.Runtime.InteropServices;

namespace KdPlugins.Torch.Native;

/// <summary>The C library's environment, which native libraries read and .NET's own variables do not reach.</summary>
internal static class NativeEnvironment
{
    /// <summary>Sets a variable unless it has a value.</summary>
    internal static void SetDefault(string name, string value) => _ = setenv(name, value, overwrite: 0);

    /// <summary>A variable's value; null where it has none.</summary>
    internal static string? Get(string name) => Marshal.PtrToStringUTF8(getenv(name));

    [DllImport("libc", ExactSpelling = true, CharSet = CharSet.Ansi)]
    private static extern int setenv(string name, string value, int overwrite);

    [DllImport("libc", ExactSpelling = true, CharSet = CharSet.Ansi)]
    private static extern nint getenv(string name);
}
