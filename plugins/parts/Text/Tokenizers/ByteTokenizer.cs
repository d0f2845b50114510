using System.Text;

namespace KdPlugins.Text;

/// <summary>A token for each byte of UTF-8, and the end (256): takes every text there is.</summary>
public sealed class ByteTokenizer : TextTokenizer
{
    private static readonly string[] Texts = [.. Enumerable.Range(0, 256).Select(b => TokenText.Of([(byte)b])), End];

    /// <inheritdoc/>
    public override IReadOnlyList<string> Vocabulary => Texts;

    /// <inheritdoc/>
    public override long EndToken => 256;

    /// <inheritdoc/>
    public override long[] Encode(string text) => [.. Encoding.UTF8.GetBytes(text).Select(b => (long)b)];

    /// <inheritdoc/>
    public override string Decode(IReadOnlyList<long> ids) =>
        Encoding.UTF8.GetString([.. ids.Where(i => i is >= 0 and < 256).Select(i => (byte)i)]);
}
