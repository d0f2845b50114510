using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Datasets;

/// <summary>What all data sets of encoded images have.</summary>
public abstract record ImageOptions
{
    /// <summary>
    /// The size that images are brought to, in pixels: one number for squares, or <c>[height, width]</c>; 0 leaves them, then all
    /// have to agree.
    /// </summary>
    /// <value>0 to 2048; default 0.</value>
    [OneOrMany, ImageSize(0, 2048)]
    public IReadOnlyList<int> Size { get; init; } = [0];

    /// <summary>
    /// How images are brought to the size: <c>crop</c> keeps the proportions and cuts the longer side evenly,
    /// <c>stretch</c> keeps everything.
    /// </summary>
    /// <value><c>crop</c> or <c>stretch</c>; default <c>crop</c>.</value>
    [AllowedValues("crop", "stretch")]
    public string Resize { get; init; } = "crop";

    /// <summary>Whether images become one channel of brightness, in place of red, green, blue.</summary>
    /// <value>Default false.</value>
    public bool Grey { get; init; }

    /// <summary>The largest image that is decoded, in millions of pixels.</summary>
    /// <value>1 to 1000; default 100.</value>
    [Range(1, 1000)]
    public int MaxMegapixels { get; init; } = 100;

    /// <summary>
    /// Decoded images are kept in memory where the whole split takes no more than so many megabytes; 0 for never.
    /// </summary>
    /// <value>0 to 1,000,000; default 512.</value>
    [Range(0, 1_000_000)]
    public int CacheMegabytes { get; init; } = 512;

    /// <summary>
    /// The largest share of a split's images that may be left out because they cannot be decoded. Above 0 every image is decoded
    /// once when the data set is opened.
    /// </summary>
    /// <value>0 to below 1; default 0: the first such image ends the run.</value>
    [Range(0.0, 1.0, MaximumIsExclusive = true)]
    public double SkipCorrupt { get; init; }

    internal int Height => Size[0];

    internal int Width => Size[^1];

    /// <summary>What the samples depend on beside the files.</summary>
    internal string Salt => $"{(Height == Width ? $"{Height}" : $"{Height}x{Width}")};{Resize};{Grey}";
}
