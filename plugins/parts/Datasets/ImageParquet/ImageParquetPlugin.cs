using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Datasets;

/// <summary>Images in Parquet files.</summary>
[KdDataset("image-parquet", Description = "Parquet files of images and labels, as the Hugging Face hub has them")]
public sealed class ImageParquetPlugin : DatasetPlugin<ImageParquetOptions>
{
    /// <inheritdoc/>
    public override IDataset Open(string baseFolder)
    {
        var tables = Options.Files(baseFolder, ".parquet");
        var reader = new ParquetImages(Options);
        // Whatever the thread's context, nobody waits for it.
        var splits = tables.ToDictionary(
            s => s.Key,
            s => Task.Run(() => reader.Read(s.Value)).GetAwaiter().GetResult()
        );
        string[] files = [.. tables.OrderBy(s => s.Key, StringComparer.Ordinal).SelectMany(s => s.Value)];
        return LabelledImages.Open(
            typeof(ImageParquetPlugin),
            Options,
            splits,
            reader.ClassNames,
            Path.GetDirectoryName(files[0])!,
            () =>
                Fingerprints.Of(
                    $"image-parquet;{Options.Salt};{Options.ImageColumn};{Options.LabelColumn};{string.Join(',', Options.Classes)};"
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
