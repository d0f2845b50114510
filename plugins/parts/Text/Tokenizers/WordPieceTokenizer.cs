using KdPlugins.Core;
using KdPlugins.Torch;
using Microsoft.ML.Tokenizers;

namespace KdPlugins.Text;

/// <summary>
/// The WordPiece of BERT, from its <c>vocab.txt</c>, for uncased vocabularies: what it reads is in lower case and without accents, and so is
/// what it writes. <c>[SEP]</c> ends a text.
/// </summary>
public sealed class WordPieceTokenizer : TextTokenizer
{
    private readonly BertTokenizer _bert;
    private readonly string[] _texts;

    /// <param name="path">The file: a token in each line, among them <c>[UNK]</c>, <c>[SEP]</c>, <c>[CLS]</c>, <c>[PAD]</c> and <c>[MASK]</c>.</param>
    /// <exception cref="KdException"><c>KDP0401</c>, <c>KDP0411</c>: it cannot be opened; <c>KDP0404</c>: it is no such vocabulary.</exception>
    public WordPieceTokenizer(string path)
    {
        _texts = [.. TextLines.Read(path, TextLines.LongestToken).Select(line => line.Text)];
        try
        {
            using var file = TextLines.Open(path);
            _bert = BertTokenizer.Create(file);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or FormatException)
        {
            throw new KdException(
                DataErrors.DamagedFile,
                $"'{path}' is no vocabulary of WordPiece: {e.Message}",
                "Give the vocab.txt of a BERT checkpoint.",
                e
            );
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Vocabulary => _texts;

    /// <inheritdoc/>
    public override long EndToken => _bert.SeparatorTokenId;

    /// <inheritdoc/>
    public override long[] Encode(string text) =>
        [.. _bert.EncodeToIds(text, addSpecialTokens: false).Select(i => (long)i)];

    /// <inheritdoc/>
    public override string Decode(IReadOnlyList<long> ids) =>
        _bert.Decode(ids.Where(i => i >= 0 && i < _texts.Length && i != EndToken).Select(i => (int)i));
}
