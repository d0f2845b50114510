using System.Globalization;
using KdPlugins.Torch;

namespace KdPlugins.Host.Service.Connections;

/// <summary>The files and sockets that this process may have open at once, and those that it has.</summary>
internal static class Descriptors
{
    /// <summary>The soft limit (RLIMIT_NOFILE); as good as none where the system does not say.</summary>
    internal static int Limit() =>
        OperatingSystem.IsLinux() ? LimitIn(PlainFile.ReadText("/proc/self/limits", 1 << 16)) : int.MaxValue;

    /// <summary>Those that are open now.</summary>
    internal static int Open() =>
        OperatingSystem.IsLinux() ? Directory.EnumerateFileSystemEntries("/proc/self/fd").Count() : 0;

    /// <summary>The limit as /proc writes it: name, soft limit, hard limit, unit.</summary>
    internal static int LimitIn(string text)
    {
        const string Name = "Max open files";
        var line = text.Split('\n').FirstOrDefault(l => l.StartsWith(Name, StringComparison.Ordinal)) ?? Name;
        var soft = line[Name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return int.TryParse(soft, CultureInfo.InvariantCulture, out var limit) ? limit : int.MaxValue;
    }
}
