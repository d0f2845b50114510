using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Losses;

/// <summary>The options of <c>dist</c>.</summary>
public sealed record DistOptions
{
    /// <summary>What both logits are divided by before the softmax.</summary>
    /// <value>0.01 to 1000; default 1.</value>
    [Range(0.01, 1000.0)]
    public double Temperature { get; init; } = 1;

    /// <summary>The weight of the relation between the classes of each sample (the paper's beta).</summary>
    /// <value>0 to 1000; default 1.</value>
    [Range(0.0, 1000.0)]
    public double Inter { get; init; } = 1;

    /// <summary>The weight of the relation between the samples of each class (the paper's gamma).</summary>
    /// <value>0 to 1000; default 1.</value>
    [Range(0.0, 1000.0)]
    public double Intra { get; init; } = 1;

    /// <summary>
    /// Above 0, a correlation is a b / (sqrt(|a|^2 + <c>smoothing</c>^2) sqrt(|b|^2 + <c>smoothing</c>^2)) of centred a
    /// and b where the published code has a b / (|a| |b| + 1e-8). Its gradient is then at most 1 / <c>smoothing</c>, also
    /// where all probabilities are equal; there the published one reaches 1e8.
    /// </summary>
    /// <value>0 to 1, in units of probability; default 0: as published. 0.001 hardly changes rows that say anything.</value>
    [Range(0.0, 1.0)]
    public double Smoothing { get; init; }
}
