using KdPlugins.Core;
using KdPlugins.Torch;
using Parquet.Schema;

namespace KdPlugins.Datasets;

/// <summary>Which columns of a Parquet file hold images and labels.</summary>
/// <param name="Image">Bytes of encoded images.</param>
/// <param name="Label">Whole numbers or texts.</param>
/// <param name="LabelName">The label column's name in the metadata.</param>
internal sealed record ParquetColumns(DataField Image, DataField Label, string LabelName)
{
    private static readonly string[] UsualLabels = ["label", "labels", "fine_label", "class", "target"];

    /// <summary>The columns that the options name, or the file's metadata, or that are the only ones.</summary>
    /// <exception cref="KdException"><c>KDP0404</c>: none, or several.</exception>
    public static ParquetColumns Find(
        DataField[] fields,
        HubFeatures features,
        ImageParquetOptions options,
        string file
    )
    {
        DataField[] flat = [.. fields.Where(f => f.MaxRepetitionLevel == 0)];
        DataField? Bytes(string name) =>
            flat.FirstOrDefault(f => IsBytes(f) && Name(f) == $"{name}/bytes")
            ?? flat.FirstOrDefault(f => IsBytes(f) && Name(f) == name);
        DataField[] images =
            options.ImageColumn.Length > 0 ? One(Bytes(options.ImageColumn))
            : features.Images.Count > 0 ? [.. features.Images.SelectMany(n => One(Bytes(n)))]
            : [.. flat.Where(IsBytes)];
        if (images.Length != 1)
            throw Refuse(file, "image", images, flat);
        DataField? Label(string name) => flat.FirstOrDefault(f => Name(f) == name && f != images[0]);
        var label =
            options.LabelColumn.Length > 0 ? Label(options.LabelColumn)
            : features.Labels.Count == 1 ? Label(features.Labels.Keys.First())
            : UsualLabels.Select(Label).FirstOrDefault(f => f is not null);
        return label is null ? throw Refuse(file, "label", [], flat) : new(images[0], label, Name(label));
    }

    private static DataField[] One(DataField? field) => field is null ? [] : [field];

    private static bool IsBytes(DataField field) =>
        field.ClrType == typeof(ReadOnlyMemory<byte>) || field.ClrType == typeof(byte[]);

    // The library joins the parts of a path by a character of its own.
    private static string Name(DataField field) => string.Join('/', field.Path.ToList());

    private static KdException Refuse(string file, string what, DataField[] found, DataField[] all) =>
        new(
            DataErrors.DamagedFile,
            $"'{file}' has {(found.Length == 0 ? "no column" : $"{found.Length} columns")} that can be the {what}'s; "
                + $"it has: {SafeText.Line(string.Join(", ", all.Take(20).Select(Name)))}.",
            $"Name it with \"{what}Column\"."
        );
}
