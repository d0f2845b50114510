using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Augmentations;

/// <summary>
/// The options of <c>random-affine</c>; <c>degrees</c> is 0 by default (torchvision has no default), and so is everything
/// else: name what is to happen.
/// </summary>
public sealed record RandomAffineOptions() : GeometryOptions(0), IValidatableObject
{
    /// <summary>Images are moved to the side by whole pixels, up to this share of their width either way.</summary>
    /// <value>0 to 1; default 0.</value>
    [Range(0.0, 1.0)]
    public double TranslateX { get; init; }

    /// <summary>Images are moved up or down by whole pixels, up to this share of their height.</summary>
    /// <value>0 to 1; default 0.</value>
    [Range(0.0, 1.0)]
    public double TranslateY { get; init; }

    /// <summary>The smallest scale; 2 shows everything twice as large.</summary>
    /// <value>0.01 to 100, at most <c>maxScale</c>; default 1.</value>
    [Range(0.01, 100.0)]
    public double MinScale { get; init; } = 1;

    /// <summary>The largest scale.</summary>
    /// <value>0.01 to 100; default 1.</value>
    [Range(0.01, 100.0)]
    public double MaxScale { get; init; } = 1;

    /// <summary>Columns are sheared by an angle in [-value, value].</summary>
    /// <value>0 to 89 degrees; default 0.</value>
    [Range(0.0, 89.0)]
    public double ShearX { get; init; }

    /// <summary>Rows are sheared by an angle in [-value, value].</summary>
    /// <value>0 to 89 degrees; default 0.</value>
    [Range(0.0, 89.0)]
    public double ShearY { get; init; }

    /// <summary>Refuses a smallest scale above the largest.</summary>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (MinScale > MaxScale)
            yield return new ValidationResult(
                $"The smallest scale has to be at most the largest ({MaxScale}), got {MinScale}.",
                [nameof(MinScale)]
            );
    }
}
