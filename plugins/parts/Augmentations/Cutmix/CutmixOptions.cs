using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Augmentations;

/// <summary>The options of <c>cutmix</c>.</summary>
public sealed record CutmixOptions
{
    /// <summary>The share that stays of an image is drawn from Beta(alpha, alpha), before rounding to pixels.</summary>
    /// <value>0.001 to 100; default 1, as in the paper.</value>
    [Range(0.001, 100.0)]
    public double Alpha { get; init; } = 1;

    /// <summary>The probability that a batch is mixed.</summary>
    /// <value>0 to 1; default 1. The paper takes 0.5 for CIFAR.</value>
    [Range(0.0, 1.0)]
    public double Probability { get; init; } = 1;
}
