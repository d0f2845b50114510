using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>Images and label maps, one by one.</summary>
internal sealed record SegmentationPairs(IReadOnlyList<string> Images, IReadOnlyList<string> Maps);

/// <summary>Finds the pairs of each split in the folders of published data sets.</summary>
internal static class SegmentationScan
{
    private const int LongestList = 64 << 20;

    // The folder of a split's maps by that of its images, in the order in which they are looked for.
    private static readonly (string Images, string Maps)[] Folders =
    [
        ("{0}", "{0}annot"),
        ("{0}", "{0}_labels"),
        ("{0}", "{0}_masks"),
        ("images/{0}", "labels/{0}"),
        ("images/{0}", "annotations/{0}"),
        ("images/{0}", "masks/{0}"),
    ];

    private static readonly (string Split, string[] Names)[] Splits =
    [
        ("train", ["train", "training"]),
        ("val", ["val", "validation"]),
        ("test", ["test", "testing"]),
    ];

    // What stands behind the image's name in that of its map.
    private static readonly string[] Suffixes = ["", "_L", "_P", "_mask"];

    /// <summary>The layout that a folder has; "folders" where it is none of the named ones.</summary>
    public static string Guess(string root)
    {
        bool Has(string name) => Directory.Exists(Path.Combine(root, name));
        return Has("leftImg8bit") && Has("gtFine") ? "cityscapes"
            : Has("JPEGImages") && Has("ImageSets") ? "voc"
            : Has("train") && Has("trainannot") ? "camvid"
            : "folders";
    }

    /// <summary>The pairs of every split.</summary>
    /// <exception cref="KdException"><c>KDP0401</c>: one without its partner; <c>KDP0407</c>: nothing to train on.</exception>
    public static Dictionary<string, SegmentationPairs> Find(
        string root,
        string layout,
        SegmentationFolderOptions options
    )
    {
        var found = layout switch
        {
            "cityscapes" => Cityscapes(root, options.Cityscapes),
            "voc" => Voc(root, options),
            _ => ByFolder(root),
        };
        return found.TryGetValue("train", out var train) && train.Images.Count > 0
            ? found
            : throw new KdException(
                DataErrors.EmptyClass,
                $"'{root}' has no training images beside label maps in the layout '{layout}'.",
                "Correct \"path\" or \"layout\"; the data set's README shows what is looked for."
            );
    }

    private static Dictionary<string, SegmentationPairs> ByFolder(string root)
    {
        var found = new Dictionary<string, SegmentationPairs>();
        foreach (var (split, names) in Splits)
        {
            var folders = names
                .SelectMany(n => Folders.Select(f => (Folder(root, f.Images, n), Folder(root, f.Maps, n))))
                .FirstOrDefault(f => Directory.Exists(f.Item1) && Directory.Exists(f.Item2));
            if (folders.Item1 is null)
                continue;
            var (images, maps) = (FolderScan.Images(folders.Item1), FolderScan.Images(folders.Item2));
            var left = maps.ToDictionary(
                m => Path.GetRelativePath(folders.Item2, Path.ChangeExtension(m, null)),
                StringComparer.Ordinal
            );
            var partners = images.Select(image => Partner(image, folders.Item1, folders.Item2, left)).ToArray();
            if (left.Count > 0)
                throw new KdException(
                    DataErrors.NotFound,
                    $"There is no image in '{folders.Item1}' for the label map '{left.Values.Min(StringComparer.Ordinal)}'.",
                    "Put the image there, or remove the map."
                );
            found[split] = new(images, partners);
        }
        return found;
    }

    private static string Folder(string root, string form, string name) =>
        Path.Combine([root, .. form.Replace("{0}", name, StringComparison.Ordinal).Split('/')]);

    private static string Partner(string image, string images, string maps, Dictionary<string, string> left)
    {
        var name = Path.GetRelativePath(images, Path.ChangeExtension(image, null));
        foreach (var suffix in Suffixes)
            if (left.Remove(name + suffix, out var map))
                return map;
        throw new KdException(
            DataErrors.NotFound,
            $"There is no label map in '{maps}' for the image '{image}'.",
            "Put the map there under the image's name, or remove the image."
        );
    }

    private static Dictionary<string, SegmentationPairs> Cityscapes(string root, CityscapesLabels labels)
    {
        const string Ending = "_leftImg8bit";
        var (images, maps) = (Path.Combine(root, "leftImg8bit"), Path.Combine(root, "gtFine"));
        var kind = labels == CityscapesLabels.LabelIds ? "labelIds" : "labelTrainIds";
        var found = new Dictionary<string, SegmentationPairs>();
        // The labels of its split "test" are not public.
        foreach (var split in (string[])["train", "val"])
        {
            if (!Directory.Exists(Path.Combine(images, split)))
                continue;
            var files = FolderScan.Images(Path.Combine(images, split));
            found[split] = new(files, [.. files.Select(Map)]);
        }
        return found;

        string Map(string image)
        {
            var name = Path.ChangeExtension(Path.GetRelativePath(images, image), null);
            if (name.EndsWith(Ending, StringComparison.Ordinal))
                name = name[..^Ending.Length];
            var map = Path.Combine(maps, $"{name}_gtFine_{kind}.png");
            return File.Exists(map)
                ? map
                : throw new KdException(
                    DataErrors.NotFound,
                    $"There is no label map '{map}' for the image '{image}'.",
                    labels == CityscapesLabels.LabelIds
                        ? null
                        : "Make it with createTrainIdLabelImgs.py of the data set, or set \"cityscapes\" to label-ids."
                );
        }
    }

    private static Dictionary<string, SegmentationPairs> Voc(string root, SegmentationFolderOptions options)
    {
        var found = new Dictionary<string, SegmentationPairs>();
        foreach (var (split, list) in ((string, string)[])[("train", options.TrainList), ("val", "val")])
        {
            var path = Path.Combine(root, "ImageSets", "Segmentation", $"{list}.txt");
            if (split != "train" && !File.Exists(path))
                continue;
            string[] names =
            [
                .. DataFile
                    .Text(path, LongestList)
                    .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
            ];
            found[split] = new(
                [.. names.Select(n => Existing(path, root, "JPEGImages", n, ".jpg"))],
                [.. names.Select(n => Existing(path, root, options.Maps, n, ".png"))]
            );
        }
        return found;
    }

    private static string Existing(string list, string root, string folder, string name, string ending)
    {
        var path = Path.Combine(root, folder, name + ending);
        if (name.Contains("..", StringComparison.Ordinal) || Path.IsPathRooted(name) || name.Contains('\0'))
            throw new KdException(
                DataErrors.NotFound,
                $"'{list}' names '{SafeText.Line(name[..Math.Min(name.Length, 80)])}', which leaves the data set's folder.",
                "Correct the list."
            );
        return File.Exists(path)
            ? path
            : throw new KdException(
                DataErrors.NotFound,
                $"There is no file '{path}', which '{list}' names.",
                "Get the file, or remove its name from the list."
            );
    }
}
