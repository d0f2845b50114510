using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Losses;

/// <summary>The options of <c>cross-entropy</c>.</summary>
public sealed record CrossEntropyOptions
{
    /// <summary>The share of the target that is spread evenly over all classes (Szegedy et al. 2016, section 7).</summary>
    /// <value>At least 0, below 1; default 0.</value>
    [Range(0.0, 1.0, MaximumIsExclusive = true)]
    public double LabelSmoothing { get; init; }
}
