using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Datasets;

/// <summary>The options of <c>npz</c>.</summary>
public sealed record NpzOptions
{
    /// <summary>The .npz file. Relative paths start at the recipe's folder.</summary>
    [Required, MinLength(1), RecipePath]
    public string Path { get; init; } = "";

    /// <summary>The array of the training images: uint8 [N, H, W], [N, H, W, C] or [N, C, H, W], with one or three channels.</summary>
    /// <value>Default empty: <c>train_images</c>, <c>x_train</c>, <c>images</c>, <c>x</c> or <c>arr_0</c>; of the other splits
    /// <c>val_images</c>, <c>x_val</c>, <c>test_images</c>, <c>x_test</c>.</value>
    public string Images { get; init; } = "";

    /// <summary>The array of the training labels: whole numbers [N] or [N, 1].</summary>
    /// <value>Default empty: <c>train_labels</c>, <c>y_train</c>, <c>labels</c>, <c>y</c> or <c>arr_1</c>; of the other splits
    /// <c>val_labels</c>, <c>y_val</c>, <c>test_labels</c>, <c>y_test</c>.</value>
    public string Labels { get; init; } = "";

    /// <summary>The classes' names in the order of their numbers.</summary>
    /// <value>Default none: as many classes as the largest training label says.</value>
    public IReadOnlyList<string> Classes { get; init; } = [];

    /// <summary>What the arrays may take in memory, in megabytes.</summary>
    /// <value>1 to 1,000,000; default 4096.</value>
    [Range(1, 1_000_000)]
    public int MaxMegabytes { get; init; } = 4096;
}
