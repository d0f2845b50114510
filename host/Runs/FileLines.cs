using System.Text;
using KdPlugins.Torch;

namespace KdPlugins.Host.Runs;

/// <summary>Lines of a file that somebody else writes: one that is longer than any is passed over, not kept.</summary>
internal static class FileLines
{
    /// <summary>Characters of a line.</summary>
    internal const int Longest = 1 << 20;

    /// <summary>The lines of a plain file, read as they are asked for.</summary>
    internal static IEnumerable<string> Of(string path)
    {
        using var reader = new StreamReader(PlainFile.Open(path));
        var (part, line, isLong) = (new char[1 << 14], new StringBuilder(), false);
        while (reader.Read(part) is > 0 and var count)
        {
            var start = 0;
            while (Array.IndexOf(part, '\n', start, count - start) is >= 0 and var end)
            {
                line.Append(part, start, end - start);
                if (!isLong && line.Length <= Longest)
                    yield return line.ToString().TrimEnd('\r');
                (start, isLong) = (end + 1, false);
                line.Clear();
            }
            line.Append(part, start, count - start);
            if (line.Length <= Longest)
                continue;
            isLong = true;
            line.Clear();
        }
        if (!isLong && line.Length > 0)
            yield return line.ToString();
    }
}
