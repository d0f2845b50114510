using System.Text;

namespace KdPlugins.Host.Texts;

/// <summary>Rows in aligned columns, readable on a terminal and in a log.</summary>
internal sealed class TextTable(params string[] header)
{
    private readonly List<string[]> _rows = [];

    /// <summary>Adds a row of as many cells as the header has.</summary>
    internal TextTable Add(params string[] cells)
    {
        _rows.Add(cells);
        return this;
    }

    /// <summary>The lines, without an end of line behind the last.</summary>
    public override string ToString()
    {
        var widths = header.Select((h, i) => _rows.Select(r => r[i].Length).Append(h.Length).Max()).ToArray();
        var text = new StringBuilder();
        Write(text, header, widths);
        text.AppendLine(string.Join("  ", widths.Select(w => new string('-', w))));
        foreach (var row in _rows)
            Write(text, row, widths);
        return text.ToString().TrimEnd();
    }

    private static void Write(StringBuilder text, string[] cells, int[] widths) =>
        text.AppendLine(string.Join("  ", cells.Select((c, i) => c.PadRight(widths[i]))).TrimEnd());
}
