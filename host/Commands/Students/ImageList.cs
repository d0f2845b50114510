using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Students;

/// <summary>The image files that a command line names: files as they stand, folders with all that lies below in ordinal order.</summary>
internal static class ImageList
{
    private static readonly HashSet<string> Extensions = new(StringComparer.OrdinalIgnoreCase)
    {
        ".jpg",
        ".jpeg",
        ".png",
        ".bmp",
        ".gif",
        ".webp",
    };

    /// <summary>Finds them.</summary>
    /// <param name="places">Files and folders.</param>
    /// <exception cref="KdException">
    /// <c>KDP0804</c>: one is not there, cannot be listed, or holds no image; <c>KDP0410</c>: links lead in a circle.
    /// </exception>
    internal static IReadOnlyList<string> Find(IEnumerable<string> places)
    {
        var found = new List<string>();
        foreach (var place in places)
        {
            if (!Directory.Exists(place))
            {
                found.Add(File.Exists(place) ? place : throw Unreadable($"'{place}' is neither a file nor a folder."));
                continue;
            }
            var below = new List<string>();
            Collect(place, [], below);
            if (below.Count == 0)
                throw Unreadable($"'{place}' holds no image ({string.Join(", ", Extensions)}).");
            below.Sort(StringComparer.Ordinal);
            found.AddRange(below);
        }
        return found;
    }

    private static void Collect(string folder, List<string> above, List<string> found)
    {
        var real =
            new DirectoryInfo(folder).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? Path.GetFullPath(folder);
        if (above.Contains(real))
            throw new KdException(DataErrors.LinkLoop, $"'{folder}' leads back to '{real}', which contains it.");
        above.Add(real);
        try
        {
            found.AddRange(
                Directory.GetFiles(folder).Where(f => Extensions.Contains(Path.GetExtension(f)) && !IsHidden(f))
            );
            foreach (var inner in Directory.GetDirectories(folder).Where(f => !IsHidden(f)))
                Collect(inner, above, found);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw Unreadable($"'{folder}' cannot be listed: {e.Message}", e);
        }
        above.RemoveAt(above.Count - 1);
    }

    private static bool IsHidden(string path) => Path.GetFileName(path)[0] == '.';

    private static KdException Unreadable(string detail, Exception? inner = null)
    {
        var error = new KdException(CommandErrors.FileUnreadable, detail, inner: inner);
        ExitCodes.Mark(error, ExitCodes.Damaged);
        return error;
    }
}
