using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Meters;

/// <summary>The options of <c>classification</c>.</summary>
public sealed record ClassificationOptions
{
    /// <summary>The number of equal ranges of confidence for the calibration error.</summary>
    /// <value>1 to 1000, default 15.</value>
    [Range(1, 1000)]
    public int Bins { get; init; } = 15;
}
