using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Text;

/// <summary>The options of <c>text-table</c>.</summary>
public sealed record TextTableOptions : IValidatableObject
{
    /// <summary>The rows of the split <c>train</c>: <c>.tsv</c> (columns between tabs, no quotes) or <c>.jsonl</c> (an object in each line).</summary>
    [Required, MinLength(1), RecipePath, RegularExpression(@"[^\0]*")]
    public string Train { get; init; } = "";

    /// <summary>The rows of the split <c>test</c>; empty for none.</summary>
    /// <value>Default empty.</value>
    [RecipePath, RegularExpression(@"[^\0]*")]
    public string Test { get; init; } = "";

    /// <summary>Whether the first line of a table names its columns; if not, they are called <c>0</c>, <c>1</c>, ...</summary>
    /// <value>Default true; of <c>.jsonl</c> without meaning.</value>
    public bool Header { get; init; } = true;

    /// <summary>The column of texts that have a class, beside <see cref="Label"/>.</summary>
    /// <value>Default empty.</value>
    public string Text { get; init; } = "";

    /// <summary>The column of classes.</summary>
    /// <value>Default empty.</value>
    public string Label { get; init; } = "";

    /// <summary>The names of the classes, in their order.</summary>
    /// <value>Default empty: those of <c>train</c>, in alphabetical order.</value>
    public IReadOnlyList<string> Classes { get; init; } = [];

    /// <summary>The column of prompts, beside <see cref="Response"/>.</summary>
    /// <value>Default empty.</value>
    public string Prompt { get; init; } = "";

    /// <summary>The column of what is to be answered; the end is added.</summary>
    /// <value>Default empty.</value>
    public string Response { get; init; } = "";

    /// <summary>What texts are cut into.</summary>
    /// <value>Default <c>characters</c>: those of all rows.</value>
    public TokenizerOptions Tokenizer { get; init; } = new();

    /// <summary>The most tokens of a sample; what is longer is cut at its end.</summary>
    /// <value>2 to 65,536; default 256.</value>
    [Range(2, 65_536)]
    public int MaxLength { get; init; } = 256;

    /// <summary>The most bytes of a line.</summary>
    /// <value>16 to 268,435,456; default 1,048,576.</value>
    [Range(16, 1 << 28)]
    public int MaxLineBytes { get; init; } = 1 << 20;

    internal bool IsClassified => Label.Length > 0;

    internal string[] Columns => IsClassified ? [Text, Label] : [Prompt, Response];

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        var classified = Text.Length > 0 && Label.Length > 0 && Prompt.Length == 0 && Response.Length == 0;
        var answered = Text.Length == 0 && Label.Length == 0 && Prompt.Length > 0 && Response.Length > 0;
        if (!classified && !answered)
            yield return new(
                "and \"label\", or \"prompt\" and \"response\", have to name columns: one pair of the two",
                [nameof(Text)]
            );
    }
}
