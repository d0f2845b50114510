using System.ComponentModel.DataAnnotations;

namespace Plugin._1;

/// <summary>The options of <c>plugin-id-1</c>.</summary>
public sealed record KdClassOptions
{
    /// <summary>The length of the latent vector.</summary>
    /// <value>1 to 4096; default 64.</value>
    [Range(1, 4096)]
    public int Latent { get; init; } = 64;

    /// <summary>Values of the hidden layer.</summary>
    /// <value>1 to 8192; default 256.</value>
    [Range(1, 8192)]
    public int Width { get; init; } = 256;
}
