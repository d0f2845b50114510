using KdPlugins.Host.Loading.Files;

namespace KdPlugins.Host.Loading.Manifest;

/// <summary>Paths that a file of the plugin names. They may only lead to files below the plugin's folder.</summary>
internal static class ManifestPath
{
    /// <summary>Why a path cannot be used, or null. Looks at the text, then at where links lead.</summary>
    /// <param name="folder">The plugin's folder.</param>
    /// <param name="path">The path as the manifest has it.</param>
    /// <param name="ending">The file name's ending that is wanted, such as ".dll"; empty for any.</param>
    internal static string? Problem(string folder, string path, string ending)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
            return "is empty or has a zero character";
        if (path[0] is '/' or '\\')
            return "starts at the root";
        if (path.Contains(':', StringComparison.Ordinal))
            return "has a drive or a scheme";
        if (path[0] == '~')
            return "starts at the home folder";
        if (path.Split('/', '\\').Any(s => s is ".." or "." or ""))
            return "has an empty segment, '.' or '..'";
        if (!path.EndsWith(ending, StringComparison.OrdinalIgnoreCase))
            return $"does not end in {ending}";
        var real = RealPath.Of(Path.Combine(folder, path.Replace('\\', '/')));
        return RealPath.IsInside(RealPath.Of(folder), real) ? null : $"is a link to {real}, outside the folder";
    }
}
