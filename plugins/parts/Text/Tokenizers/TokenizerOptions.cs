using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Text;

/// <summary>What texts are cut into.</summary>
public enum TokenizerKind
{
    /// <summary>Characters: those of the data, or of a vocabulary that a run has kept.</summary>
    Characters,

    /// <summary>Bytes of UTF-8.</summary>
    Bytes,

    /// <summary>The byte-level BPE of GPT-2.</summary>
    Gpt2,

    /// <summary>The WordPiece of an uncased BERT.</summary>
    WordPiece,
}

/// <summary>The tokenizer of a data set of texts.</summary>
[ShortForm("kind")]
public sealed record TokenizerOptions
{
    /// <summary>What texts are cut into.</summary>
    /// <value><c>characters</c>, <c>bytes</c>, <c>gpt2</c> or <c>word-piece</c>; default <c>characters</c>.</value>
    public TokenizerKind Kind { get; init; } = TokenizerKind.Characters;

    /// <summary>
    /// The vocabulary: of <c>word-piece</c> its <c>vocab.txt</c>; of <c>characters</c> a JSON list of texts, the end last, such as the
    /// <c>vocabulary.json</c> that a run keeps. Empty for the characters of the data.
    /// </summary>
    /// <value>A file; default empty.</value>
    [RecipePath, RegularExpression(@"[^\0]*")]
    public string Path { get; init; } = "";

    /// <summary>Makes it.</summary>
    /// <param name="place">Where a relative path of the options is.</param>
    /// <param name="texts">The data's, for what is made of them; read only then.</param>
    internal TextTokenizer Make(Func<string, string> place, Func<IEnumerable<string>> texts) =>
        Kind switch
        {
            TokenizerKind.Bytes => new ByteTokenizer(),
            TokenizerKind.Gpt2 => new Gpt2Tokenizer(),
            TokenizerKind.WordPiece => Path.Length > 0
                ? new WordPieceTokenizer(place(Path))
                : throw new KdException(
                    CoreErrors.WrongCombination,
                    "The tokenizer 'word-piece' needs a vocabulary.",
                    "Name a vocab.txt: \"tokenizer\": { \"kind\": \"word-piece\", \"path\": ... }."
                ),
            _ => Path.Length > 0 ? Kept(place(Path)) : CharacterTokenizer.Of(texts()),
        };

    private static CharacterTokenizer Kept(string path)
    {
        var tokens = Parse(path);
        if (tokens.Length < 2 || tokens[..^1].Any(t => t is null || t.EnumerateRunes().Count() != 1))
            throw new KdException(
                DataErrors.DamagedFile,
                $"'{path}' is no vocabulary of characters: a list of texts of one character each, and the end.",
                "Give the vocabulary.json of a run on characters."
            );
        return new(tokens[..^1].Select(t => t.EnumerateRunes().First()), tokens[^1]);
    }

    private static string[] Parse(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(TextLines.Whole(path, 1 << 24), VocabularyJson.Default.StringArray) ?? [];
        }
        catch (JsonException e)
        {
            throw new KdException(DataErrors.DamagedFile, $"'{path}' is no list of texts in JSON.", null, e);
        }
    }
}

[System.Text.Json.Serialization.JsonSerializable(typeof(string[]))]
internal sealed partial class VocabularyJson : System.Text.Json.Serialization.JsonSerializerContext;
