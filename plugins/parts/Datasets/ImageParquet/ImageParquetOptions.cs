using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Datasets;

/// <summary>The options of <c>image-parquet</c>.</summary>
public sealed record ImageParquetOptions : SplitOptions
{
    /// <summary>The column of the images: a struct with <c>bytes</c>, or binary.</summary>
    /// <value>Default empty: what the file's metadata call an image, or else the only one.</value>
    public string ImageColumn { get; init; } = "";

    /// <summary>The column of the labels: whole numbers or texts.</summary>
    /// <value>Default empty: what the file's metadata call a class label, or else <c>label</c>.</value>
    public string LabelColumn { get; init; } = "";

    /// <summary>The images lie in memory as they are stored, and may take so many megabytes.</summary>
    /// <value>1 to 1,000,000; default 4096.</value>
    [Range(1, 1_000_000)]
    public int MaxMegabytes { get; init; } = 4096;
}
