using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Datasets;

/// <summary>Images in Parquet files.</summary>
[KdDataset("image-parquet", Description = "Parquet files of images and labels, as the Hugging Face hub has them")]
public sealed class ImageParquetPlugin : DatasetPlugin<ImageParquetOptions>, IRecognisesData
{
    /// <inheritdoc/>
    public override IDataset Open(string baseFolder) => Open(Options, baseFolder);

    /// <inheritdoc/>
    public JsonObject? Recognise(string path) =>
        Recognition.Files(path, deep: true, ".parquet") is null
            ? null
            : Recognition.Sized(new() { ["path"] = path }, () => Open(new() { Path = [path], Size = [32] }, ""));

    private static ImageSet Open(ImageParquetOptions options, string baseFolder)
    {
        var tables = options.Files(baseFolder, ".parquet");
        var reader = new ParquetImages(options);
        // Whatever the thread's context, nobody waits for it.
        var splits = tables.ToDictionary(
            s => s.Key,
            s => Task.Run(() => reader.Read(s.Value)).GetAwaiter().GetResult()
        );
        string[] files = [.. tables.OrderBy(s => s.Key, StringComparer.Ordinal).SelectMany(s => s.Value)];
        return LabelledImages.Open(
            typeof(ImageParquetPlugin),
            options,
            splits,
            reader.ClassNames,
            Path.GetDirectoryName(files[0])!,
            () =>
                Fingerprints.Of(
                    $"image-parquet;{options.Salt};{options.ImageColumn};{options.LabelColumn};{string.Join(',', options.Classes)};"
                        + string.Join(
                            ',',
                            tables.Select(s => $"{s.Key}={s.Value.Length}").Order(StringComparer.Ordinal)
                        ),
                    Path.GetDirectoryName(files[0])!,
                    files
                )
        );
    }
}
