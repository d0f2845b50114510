using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Datasets;

/// <summary>Images in tar archives.</summary>
[KdDataset(
    "image-tar",
    Description = "Tar shards of images and labels, as of WebDataset: xxx.jpg beside xxx.cls or xxx.json"
)]
public sealed class ImageTarPlugin : DatasetPlugin<ImageTarOptions>, IRecognisesData
{
    /// <inheritdoc/>
    public override IDataset Open(string baseFolder) => Open(Options, baseFolder);

    /// <inheritdoc/>
    public JsonObject? Recognise(string path) =>
        Recognition.Files(path, deep: true, ".tar") is null
            ? null
            : Recognition.Sized(new() { ["path"] = path }, () => Open(new() { Path = [path], Size = [32] }, ""));

    private static ImageSet Open(ImageTarOptions options, string baseFolder)
    {
        var shards = options.Files(baseFolder, ".tar");
        var reader = new TarShard(options.LabelKey);
        var splits = shards.ToDictionary(s => s.Key, s => reader.Read(s.Value));
        string[] files = [.. shards.OrderBy(s => s.Key, StringComparer.Ordinal).SelectMany(s => s.Value)];
        return LabelledImages.Open(
            typeof(ImageTarPlugin),
            options,
            splits,
            [],
            Path.GetDirectoryName(files[0])!,
            () =>
                Fingerprints.Of(
                    $"image-tar;{options.Salt};{options.LabelKey};{string.Join(',', options.Classes)};"
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
