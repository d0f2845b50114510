using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Augmentations;

/// <summary>The options of <c>random-resized-crop</c>.</summary>
public sealed record RandomResizedCropOptions : IValidatableObject
{
    /// <summary>The size of the result: one number for squares, or <c>[height, width]</c>; 0 for the input's.</summary>
    /// <value>0 to 4096; default 0. Otherwise evaluations see the whole image in this size.</value>
    [OneOrMany, ImageSize(0, 4096)]
    public IReadOnlyList<int> Size { get; init; } = [0];

    /// <summary>The smallest share of the image's area that is cut out.</summary>
    /// <value>Above 0, at most 1 and at most <c>maxArea</c>; default 0.08.</value>
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double MinArea { get; init; } = 0.08;

    /// <summary>The largest share of the image's area that is cut out.</summary>
    /// <value>Above 0, at most 1; default 1.</value>
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double MaxArea { get; init; } = 1;

    /// <summary>The largest ratio of width to height that is cut out; the smallest is its inverse.</summary>
    /// <value>1 to 100; default 4/3.</value>
    [Range(1.0, 100.0)]
    public double Ratio { get; init; } = 4.0 / 3;

    /// <summary>Refuses a smallest area above the largest.</summary>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (MinArea > MaxArea)
            yield return new ValidationResult(
                $"The smallest area has to be at most the largest ({MaxArea}), got {MinArea}.",
                [nameof(MinArea)]
            );
    }

    internal int Height => Size[0];

    internal int Width => Size[^1];
}
