using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.Text;

/// <summary>Texts with classes, or prompts with their answers, of rows with named columns.</summary>
[KdDataset("text-table", Description = "Rows of TSV or JSONL: texts with classes, or prompts with answers")]
public sealed class TextTablePlugin : DatasetPlugin<TextTableOptions>
{
    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0401</c>, <c>KDP0411</c>: a file cannot be opened; <c>KDP0404</c>: a column is missing, a text is empty, a line is no UTF-8 or no
    /// JSON object; <c>KDP0405</c>: a class that <c>train</c> does not have, or a character that the vocabulary lacks; <c>KDP0406</c>: a line
    /// is too long; <c>KDP0407</c>: a file without rows.
    /// </exception>
    public override IDataset Open(string baseFolder)
    {
        var files = new List<(string Split, string Path)> { ("train", Place(Options.Train)) };
        if (Options.Test.Length > 0)
            files.Add(("test", Place(Options.Test)));
        var tables = files.Select(f => Rows(f.Path)).ToList();
        var texts = tables
            .SelectMany(t => t)
            .SelectMany(r => Options.IsClassified ? [r.First] : new[] { r.First, r.Second });
        var tokenizer = Options.Tokenizer.Make(Place, () => texts);
        string[] classes =
            !Options.IsClassified ? []
            : Options.Classes.Count > 0 ? [.. Options.Classes]
            : [.. tables[0].Select(r => r.Second).Distinct().Order(StringComparer.Ordinal)];
        var info = TokenRows.Info(tokenizer);
        if (Options.IsClassified)
            info = new(
                InputKind.Tokens,
                [-1],
                TargetKind.ClassIndex,
                classes.Length,
                classes,
                [],
                [],
                tokenizer.Vocabulary
            )
            {
                EndToken = tokenizer.EndToken,
            };
        var splits = new Dictionary<string, IDataSource>();
        for (var i = 0; i < files.Count; i++)
            splits[files[i].Split] = Options.IsClassified
                ? Classified(files[i], tables[i], tokenizer, classes)
                : Answered(files[i], tables[i], tokenizer);
        return new TextDataset(Asker, info, Fingerprint(tables, tokenizer), splits);

        string Place(string path) =>
            Path.GetFullPath(path, Path.GetFullPath(baseFolder.Length == 0 ? "." : baseFolder));
    }

    private TokenSource Answered((string Split, string Path) file, List<Cells> rows, TextTokenizer tokenizer)
    {
        var texts = rows.Select(row =>
            {
                var (prompt, answer) = (
                    Tokens(row.First, row, file.Path, tokenizer),
                    Tokens(row.Second, row, file.Path, tokenizer)
                );
                long[] all =
                    tokenizer.EndToken >= 0 ? [.. prompt, .. answer, tokenizer.EndToken] : [.. prompt, .. answer];
                if (prompt.Length >= Options.MaxLength)
                    throw new KdException(
                        DataErrors.TooLarge,
                        $"The prompt in line {row.Line} of '{file.Path}' has {prompt.Length} tokens, which leaves none of {Options.MaxLength} for the answer.",
                        "Raise \"maxLength\", or shorten the prompt."
                    );
                return new TokenRow(all.Length > Options.MaxLength ? all[..Options.MaxLength] : all, prompt.Length);
            })
            .ToArray();
        return new(texts.Length, i => texts[i], $"split '{file.Split}' of data set '{Asker.Id}'");
    }

    private ClassifiedSource Classified(
        (string Split, string Path) file,
        List<Cells> rows,
        TextTokenizer tokenizer,
        string[] classes
    )
    {
        var labels = rows.Select(row =>
                Array.IndexOf(classes, row.Second) is >= 0 and var at
                    ? (long)at
                    : throw new KdException(
                        DataErrors.LabelOutOfRange,
                        $"Line {row.Line} of '{file.Path}' has the class {Shown(row.Second)}; there are: {string.Join(", ", classes.Take(20))}.",
                        "Name all classes under \"classes\"."
                    )
            )
            .ToArray();
        var texts = rows.Select(row => Tokens(row.First, row, file.Path, tokenizer)).ToArray();
        return new(
            [.. texts.Select(t => t.Length > Options.MaxLength ? t[..Options.MaxLength] : t)],
            labels,
            $"split '{file.Split}' of data set '{Asker.Id}'"
        );
    }

    private static long[] Tokens(string text, Cells row, string path, TextTokenizer tokenizer)
    {
        long[] ids;
        try
        {
            ids = tokenizer.Encode(text);
        }
        catch (KdException e) when (e.Code == DataErrors.LabelOutOfRange)
        {
            throw new KdException(e.Code, $"Line {row.Line} of '{path}': {e.Detail}", e.Code.Remedy, e);
        }
        return ids.Length > 0 ? ids : throw Bad(path, row.Line, "has an empty text.");
    }

    private List<Cells> Rows(string path)
    {
        var lines = TextLines.Read(path, Options.MaxLineBytes);
        List<Cells> rows = Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".tsv" => [.. Table(path, lines)],
            ".jsonl" => [.. lines.Where(l => l.Text.Length > 0).Select(l => Json(path, l.Number, l.Text))],
            var other => throw Asker.Refusal(
                DataErrors.DamagedFile,
                $"reads .tsv and .jsonl; '{path}' ends in '{other}'.",
                "Convert the table."
            ),
        };
        return rows.Count > 0 ? rows : throw Asker.Refusal(DataErrors.EmptyClass, $"found no row in '{path}'.");
    }

    private IEnumerable<Cells> Table(string path, IEnumerable<(long Number, string Text)> lines)
    {
        int[]? places = Options.Header
            ? null
            :
            [
                .. Options.Columns.Select(c =>
                    int.TryParse(c, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : -1
                ),
            ];
        foreach (var (number, text) in lines)
        {
            var cells = text.Split('\t');
            if (places is null)
            {
                places = [.. Options.Columns.Select(c => Array.IndexOf(cells, c))];
                RequireColumns(path, places, cells);
                continue;
            }
            if (number == 1)
                RequireColumns(
                    path,
                    [.. places.Select(p => p < cells.Length ? p : -1)],
                    [.. cells.Select((_, i) => $"{i}")]
                );
            if (places.Max() >= cells.Length)
                throw Bad(path, number, $"has {cells.Length} columns; {places.Max() + 1} are expected.");
            yield return new(number, cells[places[0]], cells[places[1]]);
        }
    }

    private void RequireColumns(string path, int[] places, string[] known)
    {
        for (var i = 0; i < places.Length; i++)
            if (places[i] < 0)
                throw Asker.Refusal(
                    DataErrors.DamagedFile,
                    $"needs the column {Shown(Options.Columns[i])}; '{path}' has: {string.Join(", ", known.Take(20).Select(Shown))}.",
                    "Name a column of the file; without a line of names set \"header\" to false and number the columns from 0."
                );
    }

    private Cells Json(string path, long number, string text)
    {
        JsonElement row;
        try
        {
            using var document = JsonDocument.Parse(text);
            row = document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new KdException(DataErrors.DamagedFile, $"Line {number} of '{path}' is no JSON.", null, e);
        }
        if (row.ValueKind != JsonValueKind.Object)
            throw Bad(path, number, $"is no JSON object but {row.ValueKind}.");
        string Cell(string column) =>
            !row.TryGetProperty(column, out var cell) ? throw Bad(path, number, $"has no column {Shown(column)}.")
            : cell.ValueKind == JsonValueKind.String ? cell.GetString()!
            : cell.ValueKind is JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False ? cell.GetRawText()
            : throw Bad(path, number, $"has no text in the column {Shown(column)} but {cell.ValueKind}.");
        return new(number, Cell(Options.Columns[0]), Cell(Options.Columns[1]));
    }

    private static KdException Bad(string path, long line, string what) =>
        new(DataErrors.DamagedFile, $"Line {line} of '{path}' {what}", "Correct the line, or leave it out.");

    private static string Shown(string text) => $"'{(text.Length > 40 ? text[..40] + "..." : text)}'";

    private string Fingerprint(List<List<Cells>> tables, TextTokenizer tokenizer)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Add(string text) => hash.AppendData(Encoding.UTF8.GetBytes(text + "\0"));
        Add(
            string.Create(
                CultureInfo.InvariantCulture,
                $"text-table/1;{Options.IsClassified};{Options.MaxLength};{Options.Tokenizer.Kind}"
            )
        );
        Add(string.Join('\0', Options.Classes.Concat(tokenizer.Vocabulary)));
        foreach (var table in tables)
        {
            Add($"{table.Count}");
            foreach (var row in table)
            {
                Add(row.First);
                Add(row.Second);
            }
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private readonly record struct Cells(long Line, string First, string Second);
}

/// <summary>Texts with a class each.</summary>
internal sealed class ClassifiedSource(long[][] texts, long[] labels, string where) : ILabelledSource
{
    public long Count => texts.Length;

    public long ClassOf(long index) => labels[index];

    public Batch Read(ReadOnlyMemory<long> indices)
    {
        DataChecks.RequireNumbers(indices.Span, Count, where);
        var numbers = indices.ToArray();
        return TokenRows.Batch([.. numbers.Select(i => texts[i])], [.. numbers.Select(i => labels[i])], numbers);
    }
}
