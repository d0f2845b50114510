using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Losses;

/// <summary>The options of <c>pkt</c>.</summary>
public sealed record PktOptions : PairOptions
{
    /// <summary>
    /// Above 0, embeddings are divided by sqrt(length^2 + <c>smoothing</c>^2) where the published code divides by
    /// length + 1e-7. The gradient of an embedding is then at most 1 / <c>smoothing</c> times that of its direction, also
    /// where it is 0; there the published factor is 1e7.
    /// </summary>
    /// <value>0 to 1000, in units of the embeddings; default 0: as published.</value>
    [Range(0.0, 1000.0)]
    public double Smoothing { get; init; }
}
