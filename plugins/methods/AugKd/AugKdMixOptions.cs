using System.ComponentModel.DataAnnotations;

namespace KdPlugins.AugKd;

/// <summary>The options of the loss <c>aug-kd-mix</c>.</summary>
public sealed record AugKdMixOptions
{
    /// <summary>What both logits are divided by before the softmax (T).</summary>
    /// <value>0.01 to 1000; default 10.</value>
    [Range(0.01, 1000.0)]
    public double Temperature { get; init; } = 10;

    /// <summary>The labels' share of the loss (u); the teacher's is the rest.</summary>
    /// <value>0 to 1; default 0.5.</value>
    [Range(0.0, 1.0)]
    public double Labels { get; init; } = 0.5;
}
