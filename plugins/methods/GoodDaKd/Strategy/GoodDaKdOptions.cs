using System.ComponentModel.DataAnnotations;

namespace KdPlugins.GoodDaKd;

/// <summary>The options of <c>good-da-kd</c>.</summary>
public sealed record GoodDaKdOptions : PickOptions
{
    /// <summary>The weight of the term on the augmented stream (lw3); 0 leaves the stream out.</summary>
    /// <value>0 to 1000; default 1.</value>
    [Range(0.0, 1000.0)]
    public double AugmentedWeight { get; init; } = 1;

    /// <summary>
    /// R: above 1, the augmented stream is picked from so many views of the batch, whatever the view's augmentations are
    /// ("DA pick"). 1 takes the view as it is; <c>cut-mix-pick</c> picks by itself.
    /// </summary>
    /// <value>1 to 64; default 1.</value>
    [Range(1, 64)]
    public int Rounds { get; init; } = 1;
}
