using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Augmentations;

/// <summary>The options of <c>random-crop</c>.</summary>
public sealed record RandomCropOptions
{
    /// <summary>Pixels that are added at every side before cutting.</summary>
    /// <value>0 to 1024; default 4.</value>
    [Range(0, 1024)]
    public int Padding { get; init; } = 4;

    /// <summary>The size of what is cut out: one number for squares, or <c>[height, width]</c>; 0 for the input's.</summary>
    /// <value>0 to 4096; default 0. Otherwise the middle is cut out in evaluations.</value>
    [OneOrMany, ImageSize(0, 4096)]
    public IReadOnlyList<int> Size { get; init; } = [0];

    /// <summary>What is added: one value, the nearest pixel, or the image mirrored at its outermost pixels.</summary>
    /// <value><c>constant</c>, <c>edge</c> or <c>reflect</c>; default <c>constant</c>.</value>
    [AllowedValues("constant", "edge", "reflect")]
    public string Fill { get; init; } = "constant";

    /// <summary>The value of the fill <c>constant</c>.</summary>
    /// <value>Default 0, black before normalising.</value>
    [Range(-100.0, 100.0)]
    public double FillValue { get; init; }

    internal int Height => Size[0];

    internal int Width => Size[^1];
}
