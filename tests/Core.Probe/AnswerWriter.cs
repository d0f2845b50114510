using KdPlugins.Core;

/// <summary>Writes one row after another into a file of answers, for ever.</summary>
internal static class AnswerWriter
{
    private const int Rows = 64;

    // Large enough that a kill can meet a row half written.
    private const int Bytes = 1 << 18;

    internal static void Run(string folder)
    {
        // Each writer, and each round, has values of its own: what is half one's and half another's shows.
        var rows = Enumerable.Range(0, 7).Select(i => Row(i + Environment.ProcessId)).ToArray();
        var form = new RowForm([Bytes / 4], channelsLast: false, Bytes);
        using var file = RowFile.Make(Path.Combine(folder, "rows.answers"), "key", form, Rows);
        Console.WriteLine("ready");
        for (var i = 0; ; i++)
            file.Write(i % Rows, rows[i % rows.Length]);
    }

    private static byte[] Row(int first)
    {
        var row = new byte[Bytes];
        for (var b = 0; b < Bytes; b++)
            row[b] = (byte)(first * 31 + b % 251);
        return row;
    }
}
