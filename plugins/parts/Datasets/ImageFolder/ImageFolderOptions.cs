using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Datasets;

/// <summary>The options of <c>image-folder</c>.</summary>
public sealed record ImageFolderOptions : ImageOptions
{
    /// <summary>
    /// The folder, or several whose classes of one name are one class. Each holds one folder per class, or folders <c>train</c>,
    /// <c>val</c> and <c>test</c> that do. Relative paths start at the recipe's folder.
    /// </summary>
    [Required, OneOrMany, Paths, MinLength(1), RecipePath]
    public IReadOnlyList<string> Path { get; init; } = null!;

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
