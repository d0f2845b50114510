using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Datasets;

/// <summary>The options of <c>shapes</c>.</summary>
public sealed record ShapesOptions
{
    /// <summary>The size of the images in pixels: one number for squares, or <c>[height, width]</c>.</summary>
    /// <value>8 to 256; default 16.</value>
    [OneOrMany, ImageSize(8, 256)]
    public IReadOnlyList<int> Size { get; init; } = [16];

    /// <summary>
    /// The number of classes: the first so many of disc, square, triangle, cross, ring, crescent, each plain, striped
    /// and chequered.
    /// </summary>
    /// <value>2 to 18; default 12.</value>
    [Range(2, 18)]
    public int Classes { get; init; } = 12;

    /// <summary>
    /// How many of the 18 classes are passed over before the first one: images of classes that another set of shapes does not
    /// have, with the same colours and fillings.
    /// </summary>
    /// <value>0 to 16, with <see cref="Classes"/> no more than 18; default 0.</value>
    [Range(0, 16)]
    public int FirstClass { get; init; }

    /// <summary>Samples of the split <c>train</c>.</summary>
    /// <value>1 to 10,000,000; default 4000.</value>
    [Range(1, 10_000_000)]
    public int Train { get; init; } = 4000;

    /// <summary>Samples of the split <c>test</c>.</summary>
    /// <value>1 to 10,000,000; default 2000.</value>
    [Range(1, 10_000_000)]
    public int Test { get; init; } = 2000;

    /// <summary>What is asked about an image: its class, a class per pixel, or boxes with classes.</summary>
    /// <value><c>class</c>, <c>mask</c> (0 is the background, class k is k + 1) or <c>boxes</c>; default <c>class</c>.</value>
    [AllowedValues("class", "mask", "boxes")]
    public string Target { get; init; } = "class";

    /// <summary>The largest number of objects in an image of the targets <c>mask</c> and <c>boxes</c>.</summary>
    /// <value>1 to 8; default 3. Images of the target <c>class</c> have one.</value>
    [Range(1, 8)]
    public int Objects { get; init; } = 3;

    /// <summary>Standard deviation of the noise on every value, as a share of the full range.</summary>
    /// <value>0 to 0.5; default 0.06.</value>
    [Range(0.0, 0.5)]
    public double Noise { get; init; } = 0.06;

    /// <summary>The largest number of strokes that belong to no class.</summary>
    /// <value>0 to 16; default 3.</value>
    [Range(0, 16)]
    public int Clutter { get; init; } = 3;

    /// <summary>The probability that something stands in front of an object.</summary>
    /// <value>0 to 1; default 0.4.</value>
    [Range(0.0, 1.0)]
    public double Occlusion { get; init; } = 0.4;

    /// <summary>
    /// How far the images are from the usual ones: colours no longer go with the shapes, contrast falls, textures become
    /// finer, objects turn further. Classes keep their meaning.
    /// </summary>
    /// <value>0 (the usual domain) to 1; default 0.</value>
    [Range(0.0, 1.0)]
    public double DomainShift { get; init; }

    /// <summary>Another seed is another data set from the same distribution.</summary>
    /// <value>Default 1.</value>
    public long Seed { get; init; } = 1;

    internal int Height => Size[0];

    internal int Width => Size[^1];

    // What objects are as large as.
    internal int Side => Math.Min(Height, Width);
}
