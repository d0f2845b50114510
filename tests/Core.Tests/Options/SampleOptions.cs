using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Core.Tests.Options;

public enum Pooling
{
    Mean,
    GlobalMax,
}

/// <summary>One property of every kind that options may have.</summary>
public sealed record EveryKind
{
    public bool Flag { get; init; } = true;

    public int Whole { get; init; } = 1;

    public long Large { get; init; } = 2;

    public byte Small { get; init; }

    public double Real { get; init; } = 0.5;

    public float Single { get; init; } = 0.1f;

    public string Text { get; init; } = "text";

    public string? MaybeText { get; init; }

    public Pooling Pooling { get; init; }

    public double? Maybe { get; init; }

    public Pooling? MaybePooling { get; init; }

    public int[] Array { get; init; } = [1];

    public IReadOnlyList<Pooling> Poolings { get; init; } = [];

    public List<string> Texts { get; init; } = [];

    public IReadOnlyDictionary<string, int> Map { get; init; } = new Dictionary<string, int>();

    public Part Nested { get; init; } = new();

    public Pair[] Pairs { get; init; } = [];

    /// <summary>Neither read nor written: nothing sets it.</summary>
    public int Twice => Whole * 2;
}

public sealed record Part
{
    public int Depth { get; set; } = 3;

    public string Name { get; init; } = "part";
}

/// <summary>Positional: made by its constructor.</summary>
public sealed record Pair([Range(0, 9)] int First, string Second = "second");

public sealed record Checked
{
    [Range(1, 3)]
    public double Real { get; init; } = 2;

    [Range(0.1, 0.5)]
    public float Single { get; init; } = 0.1f;

    [Range(1, 10, MaximumIsExclusive = true)]
    public long Large { get; init; } = 1;

    [Required, MinLength(2), MaxLength(4)]
    public string? Text { get; init; } = "ab";

    [RegularExpression("[a-c]+")]
    public string Letters { get; init; } = "a";

    [Length(1, 2)]
    public int[] Two { get; init; } = [1];

    [AllowedValues(8, 16)]
    public int Choice { get; init; } = 8;

    [StringLength(3, MinimumLength = 1)]
    public string Short { get; init; } = "s";

    [DeniedValues("no")]
    public string Word { get; init; } = "yes";

    [Range(0, 1, ErrorMessage = "a share, says the author")]
    public double Share { get; init; }
}
