using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Augmentations;

/// <summary>The options of <c>posterize</c>. The probability is 0.5 by default.</summary>
public sealed record PosterizeOptions() : ChanceOptions(0.5)
{
    /// <summary>How many of eight bits are kept.</summary>
    /// <value>0 to 8; default 4 (torchvision has no default).</value>
    [Range(0, 8)]
    public int Bits { get; init; } = 4;
}
