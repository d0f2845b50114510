using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Text;

/// <summary>The options of <c>gpt2</c>. GPT-2 itself is 12 layers, 12 heads, width 768, 1024 positions and the tokenizer <c>gpt2</c>.</summary>
public sealed record Gpt2Options : IValidatableObject
{
    /// <summary>Blocks.</summary>
    /// <value>1 to 256; default 12.</value>
    [Range(1, 256)]
    public int Layers { get; init; } = 12;

    /// <summary>Heads of each attention.</summary>
    /// <value>1 to 256; default 12.</value>
    [Range(1, 256)]
    public int Heads { get; init; } = 12;

    /// <summary>Length of a token's vector, a multiple of the heads.</summary>
    /// <value>1 to 65,536; default 768.</value>
    [Range(1, 65_536)]
    public int Width { get; init; } = 768;

    /// <summary>The longest text, in tokens.</summary>
    /// <value>2 to 1,048,576; default 1024.</value>
    [Range(2, 1 << 20)]
    public int Positions { get; init; } = 1024;

    /// <summary>Tokens that it knows; 0 for those of the data. Larger than the data's where a file of weights has more.</summary>
    /// <value>0 to 10,000,000; default 0.</value>
    [Range(0, 10_000_000)]
    public int Vocabulary { get; init; }

    /// <summary>The share of values that training drops behind embeddings, attention and each block's two halves.</summary>
    /// <value>0 to below 1; default 0 (GPT-2 was trained with 0.1).</value>
    [Range(0.0, 1.0, MaximumIsExclusive = true)]
    public double Dropout { get; init; }

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Heads > 0 && Width % Heads != 0)
            yield return new($"is no multiple of \"heads\" ({Heads})", [nameof(Width)]);
    }
}
