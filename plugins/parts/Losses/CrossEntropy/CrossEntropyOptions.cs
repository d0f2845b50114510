using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Losses;

/// <summary>The options of <c>cross-entropy</c>.</summary>
public sealed record CrossEntropyOptions : IValidatableObject
{
    /// <summary>The share of the target that is spread evenly over all classes (Szegedy et al. 2016, section 7).</summary>
    /// <value>At least 0, below 1; default 0.</value>
    [Range(0.0, 1.0, MaximumIsExclusive = true)]
    public double LabelSmoothing { get; init; }

    /// <summary>What each class weighs, in the order of the classes: the mean is weighted by the targets' classes.</summary>
    /// <value>One number of at least 0 for each class; none: all weigh the same.</value>
    public IReadOnlyList<double> ClassWeights { get; init; } = [];

    /// <summary>
    /// Whether classes weigh what the training samples lack of them: all samples / (classes * samples of the class).
    /// </summary>
    /// <value>Needs a data set that knows its samples' classes; not beside <see cref="ClassWeights"/>.</value>
    public bool BalancedClasses { get; init; }

    /// <summary>The tap whose values are the logits, such as <c>aux</c>, a further head.</summary>
    /// <value>Default empty: the main head.</value>
    public string Tap { get; init; } = "";

    /// <summary>Whether logits of maps that are smaller than their labels are enlarged with corners on corners.</summary>
    /// <value>Default false: pixels are areas, as in the evaluation.</value>
    public bool AlignCorners { get; init; }

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (BalancedClasses && ClassWeights.Count > 0)
            yield return new("is given beside balancedClasses: one of the two", [nameof(ClassWeights)]);
        if (ClassWeights.Any(w => !(w >= 0 && double.IsFinite(w))))
            yield return new("holds a weight below 0", [nameof(ClassWeights)]);
        if (ClassWeights.Count > 0 && ClassWeights.All(w => w == 0))
            yield return new("holds no weight above 0", [nameof(ClassWeights)]);
    }
}
