using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Datasets;

/// <summary>The options of <c>image-list</c>.</summary>
public sealed record ImageListOptions : SplitOptions
{
    /// <summary>
    /// The folder that file names are relative to, and below which all files have to lie; null for each list's own folder.
    /// </summary>
    /// <value>Default null.</value>
    [MinLength(1), RecipePath]
    public string? Images { get; init; }

    /// <summary>Whether the first row of a .csv or .tsv names the columns.</summary>
    /// <value>Default true.</value>
    public bool Header { get; init; } = true;

    /// <summary>The column (or key, in .jsonl) of the file name; without a header its number, from 0.</summary>
    /// <value>Default empty: <c>file_name</c>, <c>filename</c>, <c>file</c>, <c>image</c>, <c>path</c>, or else the first.</value>
    public string FileColumn { get; init; } = "";

    /// <summary>The column (or key) of the label; without a header its number, from 0.</summary>
    /// <value>Default empty: <c>label</c>, <c>class</c>, <c>target</c>, <c>category</c>, or else the second.</value>
    public string LabelColumn { get; init; } = "";

    /// <summary>A column (or key) that says which split a row belongs to: train, val or test; other rows are passed over.</summary>
    /// <value>Default empty: a list's rows are all of one split.</value>
    public string SplitColumn { get; init; } = "";

    /// <summary>What stands between columns.</summary>
    /// <value>Default empty: a tab in .tsv, else a comma.</value>
    [MaxLength(1)]
    public string Delimiter { get; init; } = "";
}
