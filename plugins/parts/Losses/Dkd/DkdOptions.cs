using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Losses;

/// <summary>The options of <c>dkd</c>.</summary>
public sealed record DkdOptions
{
    /// <summary>What both logits are divided by before the softmax.</summary>
    /// <value>0.01 to 1000; default 4.</value>
    [Range(0.01, 1000.0)]
    public double Temperature { get; init; } = 4;

    /// <summary>The weight of the true class's part.</summary>
    /// <value>0 to 1000; default 1.</value>
    [Range(0.0, 1000.0)]
    public double Alpha { get; init; } = 1;

    /// <summary>The weight of the other classes' part; the published values are 2 to 8, by pair of networks.</summary>
    /// <value>0 to 1000; default 8.</value>
    [Range(0.0, 1000.0)]
    public double Beta { get; init; } = 8;

    /// <summary>
    /// The epochs over which the whole grows evenly to its full size: n / <c>warmUpEpochs</c> in the n-th of a stage.
    /// </summary>
    /// <value>0 to 100,000; default 20; 0 for full size at once.</value>
    [Range(0, 100_000)]
    public int WarmUpEpochs { get; init; } = 20;
}
