using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Models;

/// <summary>The options of <c>efficientnet-b0</c>.</summary>
public sealed record EfficientNetB0Options
{
    /// <summary>The share of the embedding's values that training drops before the classifier.</summary>
    /// <value>0 to below 1; default 0.2.</value>
    [Range(0.0, 1.0, MaximumIsExclusive = true)]
    public double Dropout { get; init; } = 0.2;

    /// <summary>
    /// The probability with which training leaves the last block's branch out of a sample (stochastic depth); earlier
    /// blocks have less in proportion to their place.
    /// </summary>
    /// <value>0 to below 1; default 0: published code sets 0.2, and never applies it.</value>
    [Range(0.0, 1.0, MaximumIsExclusive = true)]
    public double DropConnect { get; init; }
}
