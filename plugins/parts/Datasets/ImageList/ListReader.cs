using System.Globalization;
using System.Text.Json;
using CsvHelper;
using CsvHelper.Configuration;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>Reads the rows of lists.</summary>
internal sealed class ListReader(ImageListOptions options)
{
    private const long LargestList = 512L << 20;
    private const int LongestField = 32_768;

    private static readonly string[] FileNames = ["file_name", "filename", "file", "image", "path"];
    private static readonly string[] LabelNames = ["label", "class", "target", "category"];

    /// <summary>The rows of a list, by its name's ending.</summary>
    /// <exception cref="KdException"><c>KDP0404</c>: not of the format, or a row without file or label; <c>KDP0406</c>: too long.</exception>
    public IEnumerable<ListRow> Read(string path)
    {
        using var stream = DataFile.Open(path);
        if (stream.Length > LargestList)
            throw new KdException(
                DataErrors.TooLarge,
                $"'{path}' has {stream.Length} bytes; lists of at most {LargestList} are read.",
                "Split the list."
            );
        using var text = new StreamReader(stream);
        var isLines = Path.GetExtension(path).ToLowerInvariant() is ".jsonl" or ".ndjson" or ".json";
        foreach (var row in isLines ? Lines(text, path) : Table(text, path))
        {
            if (row.File.Length == 0)
                throw Damaged(path, row.Line, "names no file");
            if (row.Label.Length == 0)
                throw Damaged(path, row.Line, "has no label");
            yield return row;
        }
    }

    private IEnumerable<ListRow> Table(StreamReader text, string path)
    {
        var bad = "";
        var isTabbed = path.EndsWith(".tsv", StringComparison.OrdinalIgnoreCase);
        var configuration = new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            Delimiter =
                options.Delimiter.Length > 0 ? options.Delimiter
                : isTabbed ? "\t"
                : ",",
            MaxFieldSize = LongestField,
            BadDataFound = found => bad = "has a quotation mark in the middle of a value",
        };
        using var parser = new CsvParser(text, configuration);
        Columns? columns = null;
        while (Next(parser, path))
        {
            // Values are looked at when they are asked for.
            var row = parser.Record!;
            if (bad.Length > 0)
                throw Damaged(path, parser.RawRow, bad);
            if (columns is null)
            {
                columns = options.Header ? Columns.Named(row, options, path) : Columns.Numbered(options, path);
                if (options.Header)
                    continue;
            }
            if (row.Length <= columns.Last)
                throw Damaged(path, parser.RawRow, $"has {row.Length} columns; column {columns.Last + 1} is asked for");
            yield return columns.Row(row, parser.RawRow);
        }
    }

    private static bool Next(CsvParser parser, string path)
    {
        try
        {
            return parser.Read();
        }
        catch (Exception e) when (e is CsvHelperException or MaxFieldSizeException)
        {
            throw new KdException(
                DataErrors.DamagedFile,
                $"Row {parser.RawRow} of '{path}' is no row of a table: {SafeText.Line(e.Message.Split('\n')[0])}",
                inner: e
            );
        }
    }

    private IEnumerable<ListRow> Lines(StreamReader text, string path)
    {
        long number = 0;
        while (text.ReadLine() is { } line)
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
                continue;
            yield return Line(line, path, number);
        }
    }

    private ListRow Line(string line, string path, long number)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            var row = document.RootElement;
            if (row.ValueKind != JsonValueKind.Object)
                throw Damaged(path, number, "is no JSON object");
            return new(
                Value(row, options.FileColumn, FileNames, path, number),
                Value(row, options.LabelColumn, LabelNames, path, number),
                options.SplitColumn.Length == 0 ? null : Value(row, options.SplitColumn, [], path, number),
                number
            );
        }
        catch (JsonException e)
        {
            throw Damaged(path, number, $"is no JSON: {SafeText.Line(e.Message)}");
        }
    }

    private static string Value(JsonElement row, string asked, string[] usual, string path, long number)
    {
        foreach (var key in asked.Length > 0 ? [asked] : usual)
            if (row.TryGetProperty(key, out var value))
                return value.ValueKind switch
                {
                    JsonValueKind.String => value.GetString()!,
                    JsonValueKind.Number => value.GetRawText(),
                    JsonValueKind.Null => "",
                    _ => throw Damaged(path, number, $"has no text and no number under '{key}'"),
                };
        throw Damaged(path, number, $"has no key {string.Join(" or ", asked.Length > 0 ? [asked] : usual)}");
    }

    private static KdException Damaged(string path, long row, string what) =>
        new(
            DataErrors.DamagedFile,
            $"Row {row} of '{path}' {what}.",
            "Correct the list, or the options that name its columns."
        );

    private sealed record Columns(int File, int Label, int Split)
    {
        public int Last => Math.Max(File, Math.Max(Label, Split));

        public ListRow Row(string[] row, long line) =>
            new(row[File].Trim(), row[Label].Trim(), Split < 0 ? null : row[Split].Trim(), line);

        public static Columns Named(string[] header, ImageListOptions options, string path)
        {
            string[] names = [.. header.Select(name => name.Trim())];
            int Find(string asked, string[] usual, int otherwise) =>
                asked.Length == 0
                    ? usual
                        .Select(name => Array.FindIndex(names, n => n.Equals(name, StringComparison.OrdinalIgnoreCase)))
                        .FirstOrDefault(at => at >= 0, otherwise)
                : Array.IndexOf(names, asked) is >= 0 and var at ? at
                : throw new KdException(
                    DataErrors.DamagedFile,
                    $"'{path}' has no column '{asked}' among its {names.Length}.",
                    "Correct the option, or set \"header\": false."
                );
            return new(
                Find(options.FileColumn, FileNames, 0),
                Find(options.LabelColumn, LabelNames, 1),
                options.SplitColumn.Length == 0 ? -1 : Find(options.SplitColumn, [], -1)
            );
        }

        public static Columns Numbered(ImageListOptions options, string path)
        {
            int Number(string text, int otherwise) =>
                text.Length == 0 ? otherwise
                : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < 10_000
                    ? number
                : throw new KdException(
                    DataErrors.DamagedFile,
                    $"Without a header columns of '{path}' have numbers from 0; '{text}' is asked for.",
                    "Name a number, or set \"header\": true."
                );
            return new(Number(options.FileColumn, 0), Number(options.LabelColumn, 1), Number(options.SplitColumn, -1));
        }
    }
}
