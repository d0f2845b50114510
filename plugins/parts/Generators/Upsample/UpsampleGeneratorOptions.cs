using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Generators;

/// <summary>The options of <c>upsample-generator</c>.</summary>
public sealed record UpsampleGeneratorOptions
{
    /// <summary>The length of the latent vector.</summary>
    /// <value>1 to 4096; default 100.</value>
    [Range(1, 4096)]
    public int Latent { get; init; } = 100;

    /// <summary>Channels of the smallest map; the next two have half and a quarter as many. A multiple of 4.</summary>
    /// <value>4 to 2048; default 256.</value>
    [Range(4, 2048)]
    public int Width { get; init; } = 256;
}
