using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Datasets;

/// <summary>The options of <c>cifar</c>.</summary>
public sealed record CifarOptions
{
    /// <summary>
    /// The folder of the binary version: it, or its folder <c>cifar-10-batches-bin</c> or <c>cifar-100-binary</c>, holds
    /// the .bin files. Relative paths start at the recipe's folder.
    /// </summary>
    [Required, MinLength(1), RecipePath]
    public string Path { get; init; } = "";

    /// <summary>Which of the two: CIFAR-10, or CIFAR-100.</summary>
    /// <value>10 or 100; default 10.</value>
    [AllowedValues(10, 100)]
    public int Classes { get; init; } = 10;

    /// <summary>Whether the 20 coarse classes of CIFAR-100 are the labels, in place of the 100 fine ones.</summary>
    /// <value>Default false.</value>
    public bool Coarse { get; init; }
}
