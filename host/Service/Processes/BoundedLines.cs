using System.Text;

namespace KdPlugins.Host.Service.Processes;

/// <summary>The lines of a stream that anybody writes: any bytes, and of a line that is too long only its beginning.</summary>
/// <param name="from">The stream.</param>
/// <param name="most">The most bytes of a line that are kept.</param>
internal sealed class BoundedLines(Stream from, int most)
{
    private readonly byte[] _part = new byte[1 << 14];
    private int _at;
    private int _end;

    /// <summary>The next line without its end, with U+FFFD for what is no UTF-8; null at the end of the stream.</summary>
    internal async Task<string?> Next()
    {
        var line = new MemoryStream();
        for (var isBegun = false; ; isBegun = true)
        {
            if (_at == _end)
                (_at, _end) = (0, await from.ReadAsync(_part));
            if (_end == 0)
                return isBegun ? Text(line) : null;
            if (TakeFromPart(line))
                return Text(line);
        }
    }

    // Whether the line is complete.
    private bool TakeFromPart(MemoryStream line)
    {
        var rest = _part.AsSpan(_at, _end - _at);
        var length = rest.IndexOf((byte)'\n');
        var found = length >= 0 ? rest[..length] : rest;
        line.Write(found[..Math.Min(found.Length, most - (int)line.Length)]);
        _at += length >= 0 ? length + 1 : rest.Length;
        return length >= 0;
    }

    private static string Text(MemoryStream line) => Encoding.UTF8.GetString(line.GetBuffer(), 0, (int)line.Length);
}
