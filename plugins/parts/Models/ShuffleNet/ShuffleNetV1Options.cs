using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Models;

/// <summary>The options of <c>shufflenet-v1</c>.</summary>
public sealed record ShuffleNetV1Options
{
    /// <summary>Groups of the 1x1 convolutions; they decide the channels of the stages.</summary>
    /// <value>2 (200, 400 and 800 channels) or 3 (240, 480 and 960); default 3.</value>
    [AllowedValues(2, 3)]
    public int Groups { get; init; } = 3;

    internal int Channels => Groups == 2 ? 200 : 240;
}
