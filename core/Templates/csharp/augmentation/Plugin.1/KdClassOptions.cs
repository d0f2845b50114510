using System.ComponentModel.DataAnnotations;

namespace Plugin._1;

/// <summary>The options of <c>plugin-id-1</c>.</summary>
public sealed record KdClassOptions
{
    /// <summary>How far the brightness goes: factors are drawn from [1 - strength, 1 + strength).</summary>
    /// <value>0 to 1; default 0.4.</value>
    [Range(0.0, 1.0)]
    public double Strength { get; init; } = 0.4;
}
