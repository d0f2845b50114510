using System.Security.Cryptography;
using System.Text;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>Folders of image files, one per class, in one root or several.</summary>
internal sealed class ImageFolders(IReadOnlyList<string> roots, ImageFolderOptions options)
{
    private static readonly string[] SplitNames = ["train", "val", "test"];

    public ImageSet Open()
    {
        if (roots.Distinct().Count() < roots.Count)
            throw new KdException(
                DataErrors.NotFound,
                "A folder of \"path\" is named twice.",
                "Name each folder once."
            );
        var splits = roots.Select(FindSplits).ToArray();
        var classes = Classes([.. splits.Where(s => s.ContainsKey("train")).Select(s => s["train"])]);
        var files = new Dictionary<string, List<(string Path, long Label)>>();
        foreach (var name in SplitNames.Where(n => splits.Any(s => s.ContainsKey(n))))
            files[name] = List(
                splits.Where(s => s.ContainsKey(name)).Select(s => s[name]),
                classes,
                name == "train" ? options.PerClass : options.TestPerClass
            );
        var images = files.ToDictionary(
            s => s.Key,
            s => new ImageSplit(new FileStore([.. s.Value.Select(f => f.Path)]), [.. s.Value.Select(f => f.Label)])
        );
        return new ImageSet(
            typeof(ImageFolderPlugin),
            options,
            images,
            new(classes.Length, classes),
            string.Join("', '", roots),
            () => Fingerprint([.. files.Values.SelectMany(s => s.Select(f => f.Path))])
        );
    }

    private string Fingerprint(string[] files)
    {
        var salt = $"image-folder;{options.Salt}";
        if (roots.Count == 1)
            return Fingerprints.Of(salt, roots[0], files);
        var each = roots.Select(root => Fingerprints.Of(salt, root, [.. files.Where(f => IsBelow(root, f))]));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join(';', each))));
    }

    private static bool IsBelow(string root, string file) =>
        file.StartsWith(
            root.TrimEnd(Path.DirectorySeparatorChar) + Path.DirectorySeparatorChar,
            StringComparison.Ordinal
        );

    // Class folders may themselves be called "train": only a folder that holds folders is a split.
    private static Dictionary<string, string> FindSplits(string root)
    {
        var folders = FolderScan.Folders(root);
        bool IsSplit(string name) => folders.Contains(name) && FolderScan.Folders(Path.Combine(root, name)).Length > 0;
        var splits = SplitNames.Where(IsSplit).ToDictionary(s => s, s => Path.Combine(root, s));
        return splits.ContainsKey("train") ? splits : new Dictionary<string, string> { ["train"] = root };
    }

    private string[] Classes(string[] folders)
    {
        string[] all = [.. folders.SelectMany(FolderScan.Folders).Distinct().Order(StringComparer.Ordinal)];
        var missing = options.Include.Except(all).ToArray();
        if (missing.Length > 0)
            throw new KdException(
                DataErrors.LabelOutOfRange,
                // Not which there are: whoever wrote the recipe may have no right to look.
                $"'{string.Join("', '", folders)}' has no class {string.Join(", ", missing)} among its {all.Length} folders.",
                "Correct 'include'."
            );
        if (all.Length == 0)
            throw new KdException(
                DataErrors.EmptyClass,
                $"'{string.Join("', '", folders)}' holds no folders; each class needs one.",
                "Put the images of each class into a folder of its name."
            );
        return options.Include.Count == 0 ? all : [.. all.Where(options.Include.Contains)];
    }

    private List<(string Path, long Label)> List(IEnumerable<string> folders, string[] classes, int perClass)
    {
        var files = new List<(string Path, long Label)>();
        foreach (var folder in folders)
        foreach (var name in FolderScan.Folders(folder))
        {
            var label = Array.IndexOf(classes, name);
            if (label < 0 && options.Include.Count > 0)
                continue;
            if (label < 0)
                throw new KdException(
                    DataErrors.LabelOutOfRange,
                    $"'{Path.Combine(folder, name)}' is of no class that the training split has.",
                    "Rename or remove the folder."
                );
            var images = FolderScan.Images(Path.Combine(folder, name));
            if (images.Count == 0)
                throw new KdException(
                    DataErrors.EmptyClass,
                    $"The class folder '{Path.Combine(folder, name)}' holds no image."
                );
            files.AddRange(images.Select(i => (i, (long)label)));
        }
        return perClass == 0 ? files : [.. files.GroupBy(f => f.Label).SelectMany(c => c.Take(perClass))];
    }
}
