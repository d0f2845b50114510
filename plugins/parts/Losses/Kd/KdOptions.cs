using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Losses;

/// <summary>The options of <c>kd</c>.</summary>
public sealed record KdOptions
{
    /// <summary>What both logits are divided by before the softmax; higher shows more of the small probabilities.</summary>
    /// <value>0.01 to 1000; default 4.</value>
    [Range(0.01, 1000.0)]
    public double Temperature { get; init; } = 4;

    /// <summary>
    /// Whether the divergence is multiplied by the temperature's square, which keeps its gradient as large as at 1.
    /// Methods of data set distillation leave it out.
    /// </summary>
    /// <value>Default true.</value>
    public bool Scaled { get; init; } = true;
}
