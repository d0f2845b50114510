using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Datasets;

/// <summary>Image files with labels that a list names.</summary>
[KdDataset("image-list", Description = "Image files and labels from CSV, TSV or JSON-lines lists")]
public sealed class ImageListPlugin : DatasetPlugin<ImageListOptions>, IRecognisesData
{
    /// <inheritdoc/>
    public override IDataset Open(string baseFolder) => new ImageLists(Options, baseFolder).Open();

    /// <inheritdoc/>
    public JsonObject? Recognise(string path)
    {
        if (Recognition.Files(path, deep: false, ".csv", ".tsv", ".jsonl", ".ndjson") is not { } lists)
            return null;
        var options = ListLook.At(lists);
        var found = new ImageListOptions
        {
            Path = lists,
            Size = [32],
            Header = options["header"] is null,
            SplitColumn = (string?)options["splitColumn"] ?? "",
            Delimiter = (string?)options["delimiter"] ?? "",
        };
        options.Insert(
            0,
            "path",
            lists is [var only] ? only : new JsonArray([.. lists.Select(l => JsonValue.Create(l))])
        );
        Recognition.Sized(options, () => new ImageLists(found, "").Open());
        // A folder of classes may have a list of something else in it.
        return File.Exists(path) || options["size"] is not null ? options : null;
    }
}
