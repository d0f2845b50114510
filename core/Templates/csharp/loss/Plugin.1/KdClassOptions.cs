using System.ComponentModel.DataAnnotations;

namespace Plugin._1;

/// <summary>The options of <c>plugin-id-1</c>.</summary>
public sealed record KdClassOptions
{
    /// <summary>What both logits are divided by before the softmax.</summary>
    /// <value>0.01 to 1000; default 1.</value>
    [Range(0.01, 1000.0)]
    public double Temperature { get; init; } = 1;
}
