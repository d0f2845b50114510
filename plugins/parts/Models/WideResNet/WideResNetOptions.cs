using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Models;

/// <summary>The options of <c>wrn</c>.</summary>
public sealed record WideResNetOptions
{
    /// <summary>Layers with weights on the longest path: 6n+4.</summary>
    /// <value>10, 16, 22, 28, 34 or 40; default 16.</value>
    [AllowedValues(10, 16, 22, 28, 34, 40)]
    public int Depth { get; init; } = 16;

    /// <summary>The widening factor k: the stages have 16k, 32k and 64k channels.</summary>
    /// <value>1 to 16; default 2.</value>
    [Range(1, 16)]
    public int Width { get; init; } = 2;

    /// <summary>The share of values that training drops between the two convolutions of a block.</summary>
    /// <value>0 to below 1; default 0.</value>
    [Range(0.0, 1.0, MaximumIsExclusive = true)]
    public double Dropout { get; init; }
}
