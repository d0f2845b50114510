namespace KdPlugins.Text;

/// <summary>Texts as token ids and back. Immutable; any number of threads may use one.</summary>
public abstract class TextTokenizer
{
    /// <summary>What the token that ends a text is called in a vocabulary, where none is published.</summary>
    public const string End = "<|endoftext|>";

    /// <summary>The tokens' texts by id; of tokens that are no text by themselves (parts of a character) their bytes, as <c>&lt;0xE2&gt;</c>.</summary>
    public abstract IReadOnlyList<string> Vocabulary { get; }

    /// <summary>The id of the token that ends a text; -1 for none.</summary>
    public abstract long EndToken { get; }

    /// <summary>The ids of a text, without an end.</summary>
    /// <param name="text">Any text; may be empty.</param>
    /// <exception cref="KdPlugins.Torch.KdException"><c>KDP0405</c>: it holds what the vocabulary has no token for.</exception>
    public abstract long[] Encode(string text);

    /// <summary>The text of ids; the end token, and what is no token, are left out.</summary>
    /// <param name="ids">Any numbers.</param>
    public abstract string Decode(IReadOnlyList<long> ids);
}
