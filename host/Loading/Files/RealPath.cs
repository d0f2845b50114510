namespace KdPlugins.Host.Loading.Files;

/// <summary>Paths with every link on the way resolved.</summary>
internal static class RealPath
{
    /// <summary>The path that is meant when every link in it is followed; a link that leads nowhere stays as it is.</summary>
    internal static string Of(string path)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        // Bounded, because links can point at each other.
        for (var hops = 0; hops < 40; hops++)
        {
            if (FirstLink(full) is not { } link)
                return full;
            full = link;
        }
        return full;
    }

    /// <summary>Whether a real path is the root or below it.</summary>
    internal static bool IsInside(string root, string path) =>
        path == root
        || path.StartsWith(
            Path.EndsInDirectorySeparator(root) ? root : root + Path.DirectorySeparatorChar,
            StringComparison.Ordinal
        );

    private static string? FirstLink(string full)
    {
        var root = Path.GetPathRoot(full)!;
        var parts = full[root.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries);
        var current = root;
        for (var i = 0; i < parts.Length; i++)
        {
            var next = Path.Combine(current, parts[i]);
            if (new FileInfo(next).LinkTarget is { } target)
                return Path.GetFullPath(Path.Combine([current, target, .. parts[(i + 1)..]]));
            current = next;
        }
        return null;
    }
}
