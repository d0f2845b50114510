using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.Text;

/// <summary>A text as a language model learns it.</summary>
/// <param name="Ids">All of it, at least two tokens.</param>
/// <param name="Prompt">How many of the first ones are given, at least 1: the others are to be predicted.</param>
internal readonly record struct TokenRow(long[] Ids, int Prompt);

/// <summary>Texts of different lengths as one batch.</summary>
internal static class TokenRows
{
    internal static Batch Batch(IReadOnlyList<TokenRow> rows, ReadOnlySpan<long> indices) =>
        TokenBatches.Of([.. rows.Select(r => r.Ids)], [.. rows.Select(r => r.Prompt)], indices);

    /// <summary>Texts with a class each, which is asked of all of them.</summary>
    internal static Batch Batch(IReadOnlyList<long[]> texts, long[] labels, ReadOnlySpan<long> indices)
    {
        var rows = TokenBatches.Of(texts, [.. texts.Select(t => t.Length)], indices);
        return new(rows.Input, rows.Mask, new ClassIndexTarget(tensor(labels, ScalarType.Int64)), rows.Indices, null);
    }

    internal static DataInfo Info(TextTokenizer tokenizer) =>
        new(InputKind.Tokens, [-1], TargetKind.Tokens, tokenizer.Vocabulary.Count, [], [], [], tokenizer.Vocabulary)
        {
            EndToken = tokenizer.EndToken,
        };
}

/// <summary>Texts by number.</summary>
/// <param name="count">How many.</param>
/// <param name="row">The text of a number; any thread may ask.</param>
/// <param name="where">For messages, such as <c>split 'train' of data set 'addition'</c>.</param>
internal sealed class TokenSource(long count, Func<long, TokenRow> row, string where) : IDataSource
{
    public long Count => count;

    public Batch Read(ReadOnlyMemory<long> indices)
    {
        DataChecks.RequireNumbers(indices.Span, count, where);
        var rows = new TokenRow[indices.Length];
        for (var i = 0; i < rows.Length; i++)
            rows[i] = row(indices.Span[i]);
        return TokenRows.Batch(rows, indices.Span);
    }
}

/// <summary>An opened data set of texts.</summary>
internal sealed class TextDataset(
    Asker asker,
    DataInfo info,
    string fingerprint,
    IReadOnlyDictionary<string, IDataSource> splits
) : IDataset
{
    public DataInfo Info => info;

    public IReadOnlyCollection<string> Splits => [.. splits.Keys];

    public string Fingerprint => fingerprint;

    public IDataSource Open(string split) =>
        splits.TryGetValue(split, out var source) ? source : throw asker.NoSplit(split, splits.Keys);

    public void Dispose() { }
}
