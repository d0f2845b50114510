using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Datasets;

/// <summary>The options of <c>image-folder</c>.</summary>
public sealed record ImageFolderOptions
{
    /// <summary>
    /// The folder. It holds one folder per class, or folders <c>train</c>, <c>val</c> and <c>test</c> that do. Relative
    /// paths start at the recipe's folder.
    /// </summary>
    [Required, MinLength(1), RecipePath]
    public string Path { get; init; } = "";

    /// <summary>Height and width that images are brought to, in pixels; 0 leaves them, then all have to agree.</summary>
    /// <value>0 to 2048; default 0.</value>
    [Range(0, 2048)]
    public int Size { get; init; }

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

    /// <summary>The classes to take, by folder name; empty for all. Other folders are passed over.</summary>
    /// <value>Folder names; default none.</value>
    public IReadOnlyList<string> Include { get; init; } = [];

    /// <summary>At most so many training images per class, the first in ordinal order; 0 for all.</summary>
    /// <value>0 to 100,000,000; default 0.</value>
    [Range(0, 100_000_000)]
    public int PerClass { get; init; }

    /// <summary>The same for the other splits.</summary>
    /// <value>0 to 100,000,000; default 0.</value>
    [Range(0, 100_000_000)]
    public int TestPerClass { get; init; }
}
