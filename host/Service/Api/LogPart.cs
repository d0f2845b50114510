using System.Text;
using KdPlugins.Torch;

namespace KdPlugins.Host.Service.Api;

/// <summary>A part of a log.</summary>
/// <param name="Text">Whole lines.</param>
/// <param name="Next">Where the next part begins.</param>
internal sealed record LogPart(string Text, long Next)
{
    private const int MostBytes = 1 << 20;

    /// <summary>What a file holds from an offset on, or its end; at most a mebibyte.</summary>
    /// <param name="path">The file; one that is not there is empty.</param>
    /// <param name="from">The offset; null for the end of the file.</param>
    /// <param name="tail">How much of the end, in bytes; the line it begins in is left out.</param>
    internal static LogPart Read(string path, long? from, int tail)
    {
        if (!File.Exists(path))
            return new("", 0);
        using var stream = PlainFile.Open(path);
        var length = stream.Length;
        var start = Math.Clamp(from ?? length - Math.Clamp(tail, 1, MostBytes), 0, length);
        stream.Seek(start, SeekOrigin.Begin);
        var bytes = new byte[Math.Min(MostBytes, length - start)];
        stream.ReadExactly(bytes);
        var skipped = from is null && start > 0 ? Array.IndexOf(bytes, (byte)'\n') + 1 : 0;
        // Up to the last whole line: the rest may end within a character.
        var whole = Array.LastIndexOf(bytes, (byte)'\n') + 1;
        var end = whole > skipped ? whole : WholeCharacters(bytes);
        return new(Encoding.UTF8.GetString(bytes, skipped, end - skipped), start + end);
    }

    // A line longer than a part is cut between two characters.
    private static int WholeCharacters(byte[] bytes)
    {
        var end = bytes.Length;
        for (var back = 1; back <= 3 && back < bytes.Length; back++)
        {
            var lead = bytes[^back];
            if ((lead & 0b1100_0000) == 0b1000_0000)
                continue;
            var needs =
                lead >= 0xF0 ? 4
                : lead >= 0xE0 ? 3
                : lead >= 0xC0 ? 2
                : 1;
            return needs > back ? end - back : end;
        }
        return end;
    }
}
