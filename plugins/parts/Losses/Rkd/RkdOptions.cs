using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Losses;

/// <summary>The options of <c>rkd</c>.</summary>
public sealed record RkdOptions : PairOptions
{
    /// <summary>The weight of distances between two samples.</summary>
    /// <value>0 to 10,000; default 25.</value>
    [Range(0.0, 10_000.0)]
    public double Distance { get; init; } = 25;

    /// <summary>The weight of angles between three samples; 0 saves their cost, which grows with the batch's cube.</summary>
    /// <value>0 to 10,000; default 50.</value>
    [Range(0.0, 10_000.0)]
    public double Angle { get; init; } = 50;
}
