using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Datasets;

/// <summary>The options of <c>mnist</c>.</summary>
public sealed record MnistOptions
{
    /// <summary>
    /// The folder that holds <c>train-images-idx3-ubyte</c>, <c>train-labels-idx1-ubyte</c> and the same with
    /// <c>t10k</c>, each plain or with <c>.gz</c>. Relative paths start at the recipe's folder.
    /// </summary>
    [Required, MinLength(1), RecipePath]
    public string Path { get; init; } = "";

    /// <summary>The number of classes; labels are below it (10 of MNIST and Fashion-MNIST, 47 of balanced EMNIST).</summary>
    /// <value>1 to 256; default 10.</value>
    [Range(1, 256)]
    public int Classes { get; init; } = 10;
}
