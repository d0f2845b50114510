using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Datasets;

/// <summary>What data sets of several files have.</summary>
public abstract record SplitOptions : ImageOptions
{
    /// <summary>
    /// Files, folders of files, or patterns such as <c>data/*.tar</c>. A file whose name, or else a folder of it, begins with val or
    /// test is one of that split, others are train's; where there is none, all are. Relative paths start at the recipe's folder.
    /// </summary>
    [Required, OneOrMany, Paths, MinLength(1), RecipePath]
    public IReadOnlyList<string> Path { get; init; } = null!;

    /// <summary>Those of the split <c>val</c>, whatever their names.</summary>
    /// <value>Default none.</value>
    [OneOrMany, Paths, RecipePath]
    public IReadOnlyList<string> Val { get; init; } = [];

    /// <summary>Those of the split <c>test</c>, whatever their names.</summary>
    /// <value>Default none.</value>
    [OneOrMany, Paths, RecipePath]
    public IReadOnlyList<string> Test { get; init; } = [];

    /// <summary>The classes' names in the order of their numbers.</summary>
    /// <value>Default none: labels are numbers from 0, or names in ordinal order.</value>
    public IReadOnlyList<string> Classes { get; init; } = [];

    internal Dictionary<string, string[]> Files(string baseFolder, params string[] extensions) =>
        SplitFiles.Find(baseFolder, Path, Val, Test, extensions);
}
