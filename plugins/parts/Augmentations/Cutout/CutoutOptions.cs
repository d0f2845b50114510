using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Augmentations;

/// <summary>The options of <c>cutout</c>.</summary>
public sealed record CutoutOptions
{
    /// <summary>Height and width of a hole in pixels.</summary>
    /// <value>1 to 4096; default 8. The paper takes 16 for CIFAR-10 and 8 for CIFAR-100.</value>
    [Range(1, 4096)]
    public int Size { get; init; } = 8;

    /// <summary>Holes per image.</summary>
    /// <value>1 to 64; default 1.</value>
    [Range(1, 64)]
    public int Holes { get; init; } = 1;

    /// <summary>The value in the holes.</summary>
    /// <value>Default 0, black before normalising and the mean after it.</value>
    [Range(-100.0, 100.0)]
    public double FillValue { get; init; }
}
