using System.Text;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Text;

/// <summary>A token for each character (Unicode scalar value), in the order of their numbers, then the end.</summary>
public sealed class CharacterTokenizer : TextTokenizer
{
    private readonly Dictionary<Rune, long> _ids = [];
    private readonly string[] _texts;

    /// <param name="characters">What it knows, in any order and number.</param>
    /// <param name="end">The text of the end token.</param>
    public CharacterTokenizer(IEnumerable<Rune> characters, string end = End)
    {
        foreach (var rune in characters.Distinct().Order())
            _ids.Add(rune, _ids.Count);
        _texts = [.. _ids.Keys.Select(r => r.ToString()), end];
    }

    /// <summary>One that knows the characters of texts.</summary>
    /// <param name="texts">May hold halves of surrogate pairs, which count as U+FFFD.</param>
    public static CharacterTokenizer Of(IEnumerable<string> texts) =>
        new(texts.SelectMany(text => text.EnumerateRunes()));

    /// <inheritdoc/>
    public override IReadOnlyList<string> Vocabulary => _texts;

    /// <inheritdoc/>
    public override long EndToken => _texts.Length - 1;

    /// <inheritdoc/>
    public override long[] Encode(string text)
    {
        var ids = new List<long>(text.Length);
        foreach (var rune in text.EnumerateRunes())
            ids.Add(
                _ids.TryGetValue(rune, out var id)
                    ? id
                    : throw new KdException(
                        DataErrors.LabelOutOfRange,
                        $"The character U+{rune.Value:X4} is none of the {_ids.Count} of the vocabulary.",
                        "Take a vocabulary that has it, or the tokenizer 'bytes'."
                    )
            );
        return [.. ids];
    }

    /// <inheritdoc/>
    public override string Decode(IReadOnlyList<long> ids) =>
        string.Concat(ids.Where(i => i >= 0 && i < EndToken).Select(i => _texts[i]));
}
