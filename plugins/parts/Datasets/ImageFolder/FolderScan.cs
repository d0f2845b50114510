using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>Finds the image files below class folders, in ordinal order, following links but not in circles.</summary>
internal static class FolderScan
{
    private const int MaxLinks = 40;

    private static readonly HashSet<string> Extensions = new(StringComparer.OrdinalIgnoreCase)
    {
        ".jpg",
        ".jpeg",
        ".png",
        ".bmp",
        ".gif",
        ".webp",
    };

    /// <summary>The names of the folders in a folder; hidden ones do not count.</summary>
    public static string[] Folders(string folder) =>
        Guarded(
            folder,
            () =>
                Directory
                    .GetDirectories(folder)
                    .Select(d => Path.GetFileName(d)!)
                    .Where(n => n[0] != '.')
                    .Order(StringComparer.Ordinal)
                    .ToArray()
        );

    /// <summary>The image files below a folder, in ordinal order of their paths.</summary>
    /// <exception cref="KdException"><c>KDP0410</c>: a link leads back to a folder that contains it.</exception>
    public static List<string> Images(string folder)
    {
        var found = new List<string>();
        Collect(folder, [RealPath(folder)], found);
        found.Sort(StringComparer.Ordinal);
        return found;
    }

    private static void Collect(string folder, List<string> above, List<string> found)
    {
        found.AddRange(
            Guarded(folder, () => Directory.GetFiles(folder))
                .Where(f => Extensions.Contains(Path.GetExtension(f)) && Path.GetFileName(f)[0] != '.')
        );
        foreach (var name in Folders(folder))
        {
            var inner = Path.Combine(folder, name);
            var real = RealPath(inner);
            if (above.Contains(real))
                throw new KdException(DataErrors.LinkLoop, $"'{inner}' leads back to '{real}', which contains it.");
            above.Add(real);
            Collect(inner, above, found);
            above.RemoveAt(above.Count - 1);
        }
    }

    /// <summary>The path with every link on the way resolved.</summary>
    private static string RealPath(string path)
    {
        var links = 0;
        var real = Path.GetPathRoot(path)!;
        var rest = new Stack<string>(Split(path[real.Length..]));
        while (rest.TryPop(out var name))
        {
            if (name == "..")
            {
                real = Path.GetDirectoryName(real) ?? real;
                continue;
            }
            var next = Path.Combine(real, name);
            if (new DirectoryInfo(next).LinkTarget is not { } target)
            {
                real = next;
                continue;
            }
            if (++links > MaxLinks)
                throw new KdException(DataErrors.LinkLoop, $"'{path}' leads through more than {MaxLinks} links.");
            if (Path.IsPathRooted(target))
                (real, target) = (Path.GetPathRoot(target)!, target[Path.GetPathRoot(target)!.Length..]);
            foreach (var part in Split(target))
                rest.Push(part);
        }
        return real;
    }

    // Last part first, as a stack takes them.
    private static IEnumerable<string> Split(string path) =>
        path.Split(Path.DirectorySeparatorChar).Where(p => p.Length > 0 && p != ".").Reverse();

    private static string[] Guarded(string folder, Func<string[]> list)
    {
        try
        {
            return list();
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new KdException(DataErrors.AccessDenied, $"'{folder}' cannot be listed: {e.Message}", null, e);
        }
    }
}
