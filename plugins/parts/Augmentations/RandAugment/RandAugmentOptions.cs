using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Augmentations;

/// <summary>The options of <c>rand-augment</c>.</summary>
public sealed record RandAugmentOptions : PolicyOptions, IValidatableObject
{
    /// <summary>Operations per image, one after another.</summary>
    /// <value>1 to 16; default 2.</value>
    [Range(1, 16)]
    public int Operations { get; init; } = 2;

    /// <summary>How strong all of them are.</summary>
    /// <value>0 to <c>levels</c> - 1; default 9.</value>
    [Range(0, 255)]
    public int Magnitude { get; init; } = 9;

    /// <summary>How many strengths there are from none to the strongest.</summary>
    /// <value>2 to 256; default 31.</value>
    [Range(2, 256)]
    public int Levels { get; init; } = 31;

    /// <summary>Refuses a magnitude that is none of the levels.</summary>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Magnitude >= Levels)
            yield return new ValidationResult(
                $"The magnitude has to be below the number of levels ({Levels}), got {Magnitude}.",
                [nameof(Magnitude)]
            );
    }
}
