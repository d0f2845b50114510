using System.IO.Enumeration;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>Paths and files as data sets need them: every refusal of the operating system becomes one clear message.</summary>
internal static class DataFile
{
    private const int Chunk = 1 << 20;

    /// <summary>The full path of a folder that an option names.</summary>
    /// <exception cref="KdException"><c>KDP0401</c>: there is no such folder.</exception>
    public static string Folder(string baseFolder, string path)
    {
        var full = Path.GetFullPath(path, Path.GetFullPath(baseFolder.Length == 0 ? "." : baseFolder));
        return Directory.Exists(full)
            ? full
            : throw new KdException(DataErrors.NotFound, $"There is no folder '{full}'.");
    }

    /// <summary>Opens a plain file.</summary>
    /// <exception cref="KdException"><c>KDP0401</c>: missing; <c>KDP0411</c>: not readable.</exception>
    public static FileStream Open(string path) => Read(path, () => PlainFile.Open(path, 1 << 16));

    /// <summary>The text of a file of at most so many bytes.</summary>
    /// <exception cref="KdException"><c>KDP0401</c>: missing; <c>KDP0411</c>: not readable.</exception>
    public static string Text(string path, int most) => Read(path, () => PlainFile.ReadText(path, most));

    /// <summary>The files of a folder whose names fit a pattern; deep: those of its folders too, but for links to folders.</summary>
    /// <exception cref="KdException"><c>KDP0411</c>: not readable.</exception>
    public static string[] Files(string folder, string pattern, bool deep)
    {
        var options = new EnumerationOptions
        {
            RecurseSubdirectories = deep,
            AttributesToSkip = FileAttributes.Hidden,
            IgnoreInaccessible = false,
        };
        var found = new FileSystemEnumerable<string>(folder, (ref FileSystemEntry e) => e.ToFullPath(), options)
        {
            ShouldIncludePredicate = (ref FileSystemEntry e) =>
                !e.IsDirectory && FileSystemName.MatchesSimpleExpression(pattern, e.FileName, ignoreCase: false),
            // A link to a folder could lead back, and give every file many times.
            ShouldRecursePredicate = (ref FileSystemEntry e) => !e.Attributes.HasFlag(FileAttributes.ReparsePoint),
        };
        return Read(folder, found.ToArray);
    }

    /// <summary>So many bytes of a stream, in an array that grows with what arrives, not with what is declared.</summary>
    /// <param name="stream">Whose next bytes they are.</param>
    /// <param name="total">How many, at most those of an array.</param>
    /// <param name="ended">What is thrown where it ends after so many.</param>
    public static byte[] Bytes(Stream stream, long total, Func<int, KdException> ended)
    {
        var values = new byte[Math.Min(total, Chunk)];
        var filled = 0;
        while (filled < total)
        {
            if (filled == values.Length)
                Array.Resize(ref values, (int)Math.Min(total, 2L * values.Length));
            var read = stream.Read(values.AsSpan(filled));
            if (read == 0)
                throw ended(filled);
            filled += read;
        }
        return values;
    }

    private static T Read<T>(string path, Func<T> read)
    {
        try
        {
            return read();
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
