using System.ComponentModel.DataAnnotations;

namespace Plugin._1;

/// <summary>The options of <c>plugin-id-1</c>.</summary>
public sealed record KdClassOptions
{
    /// <summary>Channels of the first stage; the second has twice as many.</summary>
    /// <value>1 to 1024; default 16.</value>
    [Range(1, 1024)]
    public int Width { get; init; } = 16;

    /// <summary>The share of the embedding that dropout sets to zero in training.</summary>
    /// <value>0 to 0.9; default 0.</value>
    [Range(0.0, 0.9)]
    public double Dropout { get; init; }
}
