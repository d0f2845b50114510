using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Losses;

/// <summary>The options of losses that compare inner values of two networks.</summary>
public abstract record FeatureOptions : PairOptions, IValidatableObject
{
    private protected FeatureOptions(params string[] taps) => Taps = taps;

    /// <summary>The taps of the student that are compared, in the order of computation.</summary>
    /// <value>At least one name; the default is the loss's.</value>
    [Required, MinLength(1)]
    public IReadOnlyList<string> Taps { get; init; }

    /// <summary>The teacher's taps, one for each of the student's.</summary>
    /// <value>Default empty: those of the same names.</value>
    [Required]
    public IReadOnlyList<string> TeacherTaps { get; init; } = [];

    /// <summary>The teacher's taps, the student's where none are named.</summary>
    internal IReadOnlyList<string> TaughtBy => TeacherTaps.Count == 0 ? Taps : TeacherTaps;

    /// <summary>Refuses another number of teacher's taps than of the student's.</summary>
    public virtual IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (TeacherTaps.Count != 0 && TeacherTaps.Count != Taps.Count)
            yield return new ValidationResult(
                $"There have to be as many as of the student's ({Taps.Count}), got {TeacherTaps.Count}.",
                [nameof(TeacherTaps)]
            );
    }
}
