using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Datasets;

/// <summary>Images in tar archives.</summary>
[KdDataset(
    "image-tar",
    Description = "Tar shards of images and labels, as of WebDataset: xxx.jpg beside xxx.cls or xxx.json"
)]
public sealed class ImageTarPlugin : DatasetPlugin<ImageTarOptions>
{
    /// <inheritdoc/>
    public override IDataset Open(string baseFolder)
    {
        var shards = Options.Files(baseFolder, ".tar");
        var reader = new TarShard(Options.LabelKey);
        var splits = shards.ToDictionary(s => s.Key, s => reader.Read(s.Value));
        string[] files = [.. shards.OrderBy(s => s.Key, StringComparer.Ordinal).SelectMany(s => s.Value)];
        return LabelledImages.Open(
            typeof(ImageTarPlugin),
            Options,
            splits,
            [],
            Path.GetDirectoryName(files[0])!,
            () =>
                Fingerprints.Of(
                    $"image-tar;{Options.Salt};{Options.LabelKey};{string.Join(',', Options.Classes)};"
                        + string.Join(
                            ',',
                            shards.Select(s => $"{s.Key}={s.Value.Length}").Order(StringComparer.Ordinal)
                        ),
                    Path.GetDirectoryName(files[0])!,
                    files
                )
        );
    }
}
