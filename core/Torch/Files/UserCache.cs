namespace KdPlugins.Torch;

/// <summary>Where a user's programs keep what they can make again.</summary>
public static class UserCache
{
    /// <summary><c>$XDG_CACHE_HOME/kdplugins/name</c>, or the same under <c>~/.cache</c>; null for an account without a home.</summary>
    /// <param name="name">A folder's name.</param>
    public static string? Folder(string name)
    {
        var root = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (string.IsNullOrEmpty(root) || !Path.IsPathFullyQualified(root))
            root = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        return Path.IsPathFullyQualified(root) ? Path.Combine(root, "kdplugins", name) : null;
    }
}
