using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Generators;

/// <summary>Which of MosaicKD's generators.</summary>
public enum MosaicForm
{
    /// <summary>Two upsamplings, for images of 32 pixels a side or so.</summary>
    Small,

    /// <summary>Five upsamplings of constant width, for larger images.</summary>
    Deep,
}

/// <summary>The options of <c>mosaic-generator</c>.</summary>
public sealed record MosaicGeneratorOptions
{
    /// <summary>The length of the latent vector.</summary>
    /// <value>1 to 4096; default 100.</value>
    [Range(1, 4096)]
    public int Latent { get; init; } = 100;

    /// <summary>
    /// Channels of the largest map (g): the maps of <c>small</c> have four, two and one times as many, all of <c>deep</c> as many.
    /// </summary>
    /// <value>1 to 512; default 64.</value>
    [Range(1, 512)]
    public int Width { get; init; } = 64;

    /// <summary>How it enlarges.</summary>
    /// <value><c>small</c> (default; sides are multiples of 4) or <c>deep</c> (of 32).</value>
    public MosaicForm Form { get; init; }
}
