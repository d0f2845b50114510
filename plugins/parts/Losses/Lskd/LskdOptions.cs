using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Losses;

/// <summary>The options of <c>lskd</c>.</summary>
public sealed record LskdOptions
{
    /// <summary>What the standardised logits are divided by before the softmax.</summary>
    /// <value>0.01 to 1000; default 2.</value>
    [Range(0.01, 1000.0)]
    public double Temperature { get; init; } = 2;

    /// <summary>
    /// Above 0, logits are divided by sqrt(variance + <c>smoothing</c>^2) where the published code divides by
    /// deviation + 1e-7. The gradient of a row is then at most 1 / <c>smoothing</c> times that of what follows, also where
    /// all its logits are equal; there the published one reaches 1e7.
    /// </summary>
    /// <value>0 to 1000, in units of the logits; default 0: as published. 0.01 hardly changes rows that say anything.</value>
    [Range(0.0, 1000.0)]
    public double Smoothing { get; init; }
}
