namespace KdPlugins.Authors.Tests.EndToEnd;

/// <summary>Folders of plugins: what is in them, and copies.</summary>
internal static class Folders
{
    /// <summary>Every file, relative to the folder.</summary>
    internal static IEnumerable<string> Files(string folder) =>
        Directory
            .EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Select(f => Path.GetRelativePath(folder, f))
            .Order(StringComparer.Ordinal);

    internal static void Copy(string from, string to)
    {
        foreach (var file in Files(from))
        {
            var target = Path.Combine(to, file);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(Path.Combine(from, file), target);
        }
    }
}
