using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Text;

/// <summary>The options of <c>text-file</c>.</summary>
public sealed record TextFileOptions : IValidatableObject
{
    /// <summary>The text, UTF-8.</summary>
    [Required, MinLength(1), RecipePath, RegularExpression(@"[^\0]*")]
    public string Path { get; init; } = "";

    /// <summary>What the text is cut into.</summary>
    /// <value>Default <c>characters</c>: those of the text.</value>
    public TokenizerOptions Tokenizer { get; init; } = new();

    /// <summary>Tokens of a sample.</summary>
    /// <value>2 to 65,536; default 128.</value>
    [Range(2, 65_536)]
    public int Window { get; init; } = 128;

    /// <summary>How many of a sample's first tokens are given: the others are to be predicted.</summary>
    /// <value>1 to 65,535, below <see cref="Window"/>; default 1.</value>
    [Range(1, 65_535)]
    public int Prompt { get; init; } = 1;

    /// <summary>Tokens from the beginning of a sample to that of the next one; 0 for those of a window.</summary>
    /// <value>0 to 65,536; default 0.</value>
    [Range(0, 65_536)]
    public int Stride { get; init; }

    /// <summary>The share of the text, at its end, that is the split <c>test</c>.</summary>
    /// <value>Above 0, below 1; default 0.1.</value>
    [Range(0.0, 1.0, MinimumIsExclusive = true, MaximumIsExclusive = true)]
    public double Test { get; init; } = 0.1;

    /// <summary>The most bytes that the file may have.</summary>
    /// <value>1 to 1,000,000,000; default 268,435,456.</value>
    [Range(1, 1_000_000_000)]
    public int MaxBytes { get; init; } = 1 << 28;

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Prompt >= Window)
            yield return new("is no shorter than \"window\": nothing would be left to predict", [nameof(Prompt)]);
    }
}

/// <summary>
/// A plain text, cut into windows of tokens. Its beginning is the split <c>train</c>, its end <c>test</c>; no window reaches into both.
/// </summary>
[KdDataset("text-file", Description = "A plain text cut into windows, or into prompts with what follows them")]
public sealed class TextFilePlugin : DatasetPlugin<TextFileOptions>
{
    /// <inheritdoc/>
    /// <exception cref="KdPlugins.Torch.KdException">
    /// <c>KDP0401</c>, <c>KDP0411</c>: the file cannot be opened; <c>KDP0404</c>: it is no UTF-8; <c>KDP0405</c>: it holds what the vocabulary
    /// lacks; <c>KDP0406</c>: it is too large; <c>KDP0407</c>: a part of it is shorter than a window.
    /// </exception>
    public override IDataset Open(string baseFolder)
    {
        var text = TextLines.Whole(Place(Options.Path), Options.MaxBytes);
        var tokenizer = Options.Tokenizer.Make(Place, () => [text]);
        var ids = tokenizer.Encode(text);
        var cut = (int)(ids.Length * (1 - Options.Test));
        return new TextDataset(
            Asker,
            TokenRows.Info(tokenizer),
            Fingerprint(text, tokenizer),
            new Dictionary<string, IDataSource>
            {
                ["train"] = Windows("train", ids.AsMemory(0, cut)),
                ["test"] = Windows("test", ids.AsMemory(cut)),
            }
        );

        string Place(string path) =>
            Path.GetFullPath(path, Path.GetFullPath(baseFolder.Length == 0 ? "." : baseFolder));
    }

    private TokenSource Windows(string split, ReadOnlyMemory<long> ids)
    {
        var (window, prompt) = (Options.Window, Options.Prompt);
        var stride = Options.Stride > 0 ? Options.Stride : window;
        if (ids.Length < window)
            throw Asker.Refusal(
                DataErrors.EmptyClass,
                $"has {ids.Length} tokens for the split '{split}', which is less than a window of {window}.",
                "Lower \"window\", or change \"test\"."
            );
        return new(
            (ids.Length - window) / stride + 1,
            i => new(ids.Slice((int)i * stride, window).ToArray(), prompt),
            $"split '{split}' of data set '{Asker.Id}'"
        );
    }

    private string Fingerprint(string text, TextTokenizer tokenizer)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(
            Encoding.UTF8.GetBytes(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"text-file/1;{Options.Window};{Options.Prompt};{Options.Stride};{Options.Test:R};{Options.Tokenizer.Kind}\0"
                )
            )
        );
        hash.AppendData(Encoding.UTF8.GetBytes(string.Join('\0', tokenizer.Vocabulary)));
        hash.AppendData(Encoding.UTF8.GetBytes(text));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
