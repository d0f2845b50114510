using System.Text;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Text;

/// <summary>Text files as data sets need them: strict UTF-8, limits that are kept while reading, every failure one clear message.</summary>
internal static class TextLines
{
    /// <summary>The most bytes of a token in a vocabulary.</summary>
    internal const int LongestToken = 4096;

    private static readonly UTF8Encoding Strict = new(false, true);

    /// <summary>Opens a plain file.</summary>
    /// <exception cref="KdException"><c>KDP0401</c>: missing; <c>KDP0411</c>: not readable.</exception>
    internal static FileStream Open(string path)
    {
        try
        {
            return PlainFile.Open(path, 1 << 16);
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

    /// <summary>The whole text of a file, without a mark of its encoding.</summary>
    /// <param name="path">The file.</param>
    /// <param name="most">The most bytes it may have.</param>
    /// <exception cref="KdException"><c>KDP0406</c>: it has more, and is not read; <c>KDP0404</c>: it is no UTF-8.</exception>
    internal static string Whole(string path, long most)
    {
        using var file = Open(path);
        if (file.Length > most)
            throw new KdException(
                DataErrors.TooLarge,
                $"'{path}' has {file.Length} bytes; at most {most} are read.",
                "Cut it into smaller files."
            );
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return Decode(path, 0, bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? bytes.AsSpan(3) : bytes);
    }

    /// <summary>The lines of a file with their numbers from 1; ends of lines (LF, CR LF) are left out, as is an empty last line.</summary>
    /// <param name="path">The file.</param>
    /// <param name="most">The most bytes of a line; of a longer one no more are read.</param>
    /// <exception cref="KdException"><c>KDP0406</c>: a line has more; <c>KDP0404</c>: one is no UTF-8.</exception>
    internal static IEnumerable<(long Number, string Text)> Read(string path, int most)
    {
        using var file = Open(path);
        var (line, filled, number) = (new byte[Math.Min(most, 1 << 16) + 1], 0, 1L);
        var chunk = new byte[1 << 16];
        for (int read; (read = file.Read(chunk)) > 0; )
        for (var from = 0; from < read; )
        {
            var rest = chunk.AsMemory(from, read - from);
            var end = rest.Span.IndexOf((byte)'\n');
            var part = end < 0 ? rest.Length : end;
            if (filled + part > most)
                throw new KdException(
                    DataErrors.TooLarge,
                    $"Line {number} of '{path}' has more than {most} bytes.",
                    "Cut its text into several samples, or raise \"maxLineBytes\"."
                );
            if (filled + part > line.Length)
                Array.Resize(ref line, (int)Math.Min((long)most + 1, Math.Max(2L * line.Length, filled + part)));
            rest.Span[..part].CopyTo(line.AsSpan(filled));
            filled += part;
            from += part + 1;
            if (end < 0)
                continue;
            yield return (number, Line(path, number, line.AsSpan(0, filled)));
            (filled, number) = (0, number + 1);
        }
        if (filled > 0)
            yield return (number, Line(path, number, line.AsSpan(0, filled)));
    }

    private static string Line(string path, long number, ReadOnlySpan<byte> bytes)
    {
        if (number == 1 && bytes.StartsWith(Encoding.UTF8.Preamble))
            bytes = bytes[3..];
        return Decode(path, number, bytes is [.., (byte)'\r'] ? bytes[..^1] : bytes);
    }

    private static string Decode(string path, long line, ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            var place = line > 0 ? $"Line {line} of '{path}'" : $"'{path}'";
            throw new KdException(
                DataErrors.DamagedFile,
                $"{place} is no UTF-8: byte {e.Index} cannot stand there.",
                "Convert the file to UTF-8.",
                e
            );
        }
    }
}
