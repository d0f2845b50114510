using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Datasets;

/// <summary>The options of <c>distilled-set</c>.</summary>
public sealed record DistilledSetOptions
{
    /// <summary>The folder with <c>card.json</c> and <c>data.safetensors</c>, such as <c>outputs/distilled</c> of a run.</summary>
    /// <value>Relative to the recipe's folder; required.</value>
    [Required, MinLength(1), RegularExpression(@"[^\0]*"), RecipePath]
    public string Path { get; init; } = "";

    /// <summary>What the images are answered with: one class each, a value per class, or nothing.</summary>
    /// <value>
    /// <c>labels</c>, <c>soft</c>, <c>none</c>, or <c>auto</c>: labels where the set has them, else soft ones, else none;
    /// default <c>auto</c>.
    /// </value>
    [AllowedValues("auto", "labels", "soft", "none")]
    public string Target { get; init; } = "auto";

    /// <summary>The most that the data may take, in megabytes.</summary>
    /// <value>1 to 1,000,000; default 4096.</value>
    [Range(1, 1_000_000)]
    public int MaxMegabytes { get; init; } = 4096;
}
