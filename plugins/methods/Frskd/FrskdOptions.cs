using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Frskd;

/// <summary>How wide the levels of the self-teacher are.</summary>
public enum LevelWidths
{
    /// <summary>Each <c>width</c> times as wide as the student's (BiFPNc).</summary>
    PerLevel,

    /// <summary>All <c>channels</c> wide, and no convolution behind a change of size (BiFPN).</summary>
    Constant,
}

/// <summary>The options of <c>frskd</c>.</summary>
public sealed record FrskdOptions
{
    /// <summary>The role that learns, and the run's result; the self-teacher is made of its feature maps.</summary>
    /// <value>Default <c>student</c>.</value>
    [Required, MinLength(1)]
    public string Student { get; init; } = Roles.Student;

    /// <summary>The student's feature maps that are refined, from the finest to the coarsest, two at least.</summary>
    /// <value>Names of taps; default empty: all of the form <c>layerN</c>.</value>
    [Required]
    public IReadOnlyList<string> Levels { get; init; } = [];

    /// <summary>How wide the levels of the self-teacher are.</summary>
    /// <value><c>per-level</c> or <c>constant</c>; default <c>per-level</c>.</value>
    public LevelWidths Widths { get; init; } = LevelWidths.PerLevel;

    /// <summary>The channels of a level for each channel of the student's, with <c>per-level</c> widths.</summary>
    /// <value>1 to 16; default 2.</value>
    [Range(1, 16)]
    public int Width { get; init; } = 2;

    /// <summary>The channels of every level, with <c>constant</c> widths.</summary>
    /// <value>1 to 4096; default 256.</value>
    [Range(1, 4096)]
    public int Channels { get; init; } = 256;

    /// <summary>How often a block repeats its depth-wise and point-wise convolutions.</summary>
    /// <value>1 to 16; default 2.</value>
    [Range(1, 16)]
    public int Depth { get; init; } = 2;

    /// <summary>Epochs at the beginning in which the self-teacher learns and does not teach.</summary>
    /// <value>0 to 100,000; default 0.</value>
    [Range(0, 100000)]
    public int SilentEpochs { get; init; }

    /// <summary>Epochs after these in which its weight rises to that of the recipe's losses.</summary>
    /// <value>0 to 100,000; default 0: it teaches with full weight at once.</value>
    [Range(0, 100000)]
    public int RampEpochs { get; init; }
}
