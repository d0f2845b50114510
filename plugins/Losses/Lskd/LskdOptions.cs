using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Losses;

/// <summary>The options of <c>lskd</c>.</summary>
public sealed record LskdOptions
{
    /// <summary>What the standardised logits are divided by before the softmax.</summary>
    /// <value>0.01 to 1000; default 2.</value>
    [Range(0.01, 1000.0)]
    public double Temperature { get; init; } = 2;
}
