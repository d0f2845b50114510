using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>Paths and files as data sets need them: every refusal of the operating system becomes one clear message.</summary>
internal static class DataFile
{
    /// <summary>The full path of a folder that an option names.</summary>
    /// <exception cref="KdException"><c>KDP0401</c>: there is no such folder.</exception>
    public static string Folder(string baseFolder, string path)
    {
        var full = Path.GetFullPath(path, Path.GetFullPath(baseFolder.Length == 0 ? "." : baseFolder));
        return Directory.Exists(full)
            ? full
            : throw new KdException(DataErrors.NotFound, $"There is no folder '{full}'.");
    }

    /// <summary>Opens a file for one pass from start to end.</summary>
    /// <exception cref="KdException"><c>KDP0401</c>: missing; <c>KDP0411</c>: not readable.</exception>
    public static FileStream Open(string path)
    {
        try
        {
            return new FileStream(
                path,
                FileMode.Open,
                FileAccess.Read,
                FileShare.Read,
                1 << 16,
                FileOptions.SequentialScan
            );
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new KdException(DataErrors.NotFound, $"There is no file '{path}'.", null, e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new KdException(DataErrors.AccessDenied, $"'{path}' cannot be opened: {e.Message}", null, e);
        }
    }
}
