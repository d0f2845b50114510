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
}
