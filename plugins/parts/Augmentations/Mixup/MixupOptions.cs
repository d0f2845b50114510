using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Augmentations;

/// <summary>The options of <c>mixup</c>.</summary>
public sealed record MixupOptions
{
    /// <summary>The share of the first image is drawn from Beta(alpha, alpha): small values mix little.</summary>
    /// <value>0.001 to 100; default 1. The paper takes 1 for CIFAR and 0.2 for ImageNet.</value>
    [Range(0.001, 100.0)]
    public double Alpha { get; init; } = 1;

    /// <summary>The probability that a batch is mixed.</summary>
    /// <value>0 to 1; default 1.</value>
    [Range(0.0, 1.0)]
    public double Probability { get; init; } = 1;
}
