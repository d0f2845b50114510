using System.Collections.Immutable;
using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Models;

/// <summary>The options of <c>cifar-resnet</c>.</summary>
public sealed record CifarResNetOptions
{
    /// <summary>Layers with weights on the longest path: 6n+2.</summary>
    /// <value>8, 14, 20, 26, 32, 38, 44, 50, 56 or 110; default 20.</value>
    [AllowedValues(8, 14, 20, 26, 32, 38, 44, 50, 56, 110)]
    public int Depth { get; init; } = 20;

    /// <summary>The widths that papers mark with "x4": 32-64-128-256 channels in place of 16-16-32-64.</summary>
    /// <value>Default false.</value>
    public bool Wide { get; init; }

    /// <summary>Channels of the stem, where they should differ from the published ones (16, or 32 where wide).</summary>
    /// <value>0 (as published) to 256; default 0. Weights of published models fit only with 0.</value>
    [Range(0, 256)]
    public int StemWidth { get; init; }

    internal CifarResNetSpec ToSpec()
    {
        ImmutableArray<int> widths = Wide ? [32, 64, 128, 256] : [16, 16, 32, 64];
        var name = $"resnet{Depth}{(Wide ? "x4" : "")}";
        return StemWidth == 0
            ? new CifarResNetSpec(name, (Depth - 2) / 6, widths)
            : new CifarResNetSpec($"{name}-stem{StemWidth}", (Depth - 2) / 6, widths.SetItem(0, StemWidth));
    }
}
