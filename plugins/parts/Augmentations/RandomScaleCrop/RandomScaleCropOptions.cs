using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Augmentations;

/// <summary>The options of <c>random-scale-crop</c>.</summary>
public sealed record RandomScaleCropOptions : IValidatableObject
{
    /// <summary>The smallest factor that images are scaled by.</summary>
    /// <value>0.1 to 10; default 0.5.</value>
    [Range(0.1, 10.0)]
    public double MinScale { get; init; } = 0.5;

    /// <summary>The largest factor.</summary>
    /// <value>0.1 to 10, at least <see cref="MinScale"/>; default 2.</value>
    [Range(0.1, 10.0)]
    public double MaxScale { get; init; } = 2;

    /// <summary>The size of what is cut out: one number for squares, or <c>[height, width]</c>; 0 for the input's.</summary>
    /// <value>0 to 4096; default 0. Evaluations see the whole image, as it is.</value>
    [OneOrMany, ImageSize(0, 4096)]
    public IReadOnlyList<int> Size { get; init; } = [0];

    /// <summary>The value of pixels from outside the image; class maps have their ignored class there.</summary>
    /// <value>-100 to 100; default 0, black before normalising.</value>
    [Range(-100.0, 100.0)]
    public double FillValue { get; init; }

    internal int Height => Size[0];

    internal int Width => Size[^1];

    /// <summary>Refuses a smallest factor above the largest.</summary>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (MinScale > MaxScale)
            yield return new($"is above maxScale ({MaxScale})", [nameof(MinScale)]);
    }
}
