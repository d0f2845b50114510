using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>Lists of image files, and nothing outside the folder that they are of.</summary>
internal sealed class ImageLists(ImageListOptions options, string baseFolder)
{
    private const int MostImages = 50_000_000;

    private readonly ListReader _reader = new(options);

    public ImageSet Open()
    {
        var lists = options.Files(baseFolder, ".csv", ".tsv", ".txt", ".jsonl", ".ndjson");
        var root = options.Images is null ? null : DataFile.Folder(baseFolder, options.Images);
        var splits = new Dictionary<string, (List<string> Files, List<string> Labels)>();
        foreach (var (split, files) in lists)
        foreach (var list in files)
            Read(list, split, root ?? Path.GetDirectoryName(list)!, splits);
        var images = splits.ToDictionary(
            s => s.Key,
            s => new LabelledImages(new FileStore(s.Value.Files), s.Value.Labels)
        );
        string[] lines = [.. lists.Values.SelectMany(f => f)];
        var place = string.Join("', '", lines.Take(3));
        return LabelledImages.Open(
            typeof(ImageListPlugin),
            options,
            images,
            [],
            place,
            () =>
                Fingerprints.Of(
                    $"image-list;{options.Salt};{options.Header};{options.FileColumn};{options.LabelColumn};{options.SplitColumn};"
                        + $"{options.Delimiter};{string.Join(',', options.Classes)}",
                    root ?? Path.GetDirectoryName(lines[0])!,
                    [.. lines, .. splits.OrderBy(s => s.Key, StringComparer.Ordinal).SelectMany(s => s.Value.Files)]
                )
        );
    }

    private void Read(
        string list,
        string split,
        string root,
        Dictionary<string, (List<string> Files, List<string> Labels)> splits
    )
    {
        foreach (var row in _reader.Read(list))
        {
            var name = row.Split is null ? split : SplitOf(row.Split);
            if (name is null)
                continue;
            if (!splits.TryGetValue(name, out var found))
                splits[name] = found = ([], []);
            if (found.Files.Count == MostImages)
                throw new KdException(
                    DataErrors.TooLarge,
                    $"'{list}' names more than {MostImages} images.",
                    "Split the list."
                );
            found.Files.Add(Place(root, row, list));
            found.Labels.Add(row.Label);
        }
    }

    // A list may come from elsewhere: it names files of its own folder, not of the machine's.
    private static string Place(string root, ListRow row, string list)
    {
        var full = row.File.Contains('\0') ? root : Path.GetFullPath(row.File, root);
        return full.StartsWith(
            root.TrimEnd(Path.DirectorySeparatorChar) + Path.DirectorySeparatorChar,
            StringComparison.Ordinal
        )
            ? full
            : throw new KdException(
                DataErrors.AccessDenied,
                $"Row {row.Line} of '{list}' names '{SafeText.Line(row.File[..Math.Min(row.File.Length, 120)])}', which is no file below '{root}'.",
                "Name the folder that all files lie in with \"images\"."
            );
    }

    private static string? SplitOf(string text) =>
        text.ToLowerInvariant() switch
        {
            "train" or "training" => "train",
            "val" or "valid" or "validation" or "dev" => "val",
            "test" => "test",
            _ => null,
        };
}
