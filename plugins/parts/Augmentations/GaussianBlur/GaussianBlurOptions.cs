using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Augmentations;

/// <summary>The options of <c>gaussian-blur</c>. The probability is 1 by default; SimCLR takes 0.5.</summary>
public sealed record GaussianBlurOptions() : ChanceOptions(1), IValidatableObject
{
    /// <summary>Pixels along a side of the square that is averaged.</summary>
    /// <value>Odd, 1 to 255; default 3 (torchvision has no default). Images have to be larger than half of it.</value>
    [Range(1, 255)]
    public int Size { get; init; } = 3;

    /// <summary>The smallest width of the bell curve, in pixels.</summary>
    /// <value>0.01 to 100, at most <c>maxSigma</c>; default 0.1.</value>
    [Range(0.01, 100.0)]
    public double MinSigma { get; init; } = 0.1;

    /// <summary>The largest width of the bell curve, in pixels.</summary>
    /// <value>0.01 to 100; default 2.</value>
    [Range(0.01, 100.0)]
    public double MaxSigma { get; init; } = 2;

    /// <summary>Refuses an even size, and a smallest width above the largest.</summary>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Size % 2 == 0)
            yield return new ValidationResult($"The size has to be odd, got {Size}.", [nameof(Size)]);
        if (MinSigma > MaxSigma)
            yield return new ValidationResult(
                $"The smallest width has to be at most the largest ({MaxSigma}), got {MinSigma}.",
                [nameof(MinSigma)]
            );
    }
}
