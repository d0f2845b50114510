using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>Folders of image files, one per class, decoded when they are asked for.</summary>
internal sealed class ImageFolderDataset : IDataset
{
    private const int MeasuredImages = 256;
    private static readonly string[] SplitNames = ["train", "val", "test"];
    private readonly string _root;
    private readonly ImageFolderOptions _options;
    private readonly Dictionary<string, ImageFolderSource> _sources = [];

    public ImageFolderDataset(string root, ImageFolderOptions options)
    {
        (_root, _options) = (root, options);
        var splits = FindSplits(root);
        var classes = Classes(splits["train"], options.Include);
        if (classes.Length == 0)
            throw new KdException(
                DataErrors.EmptyClass,
                $"'{splits["train"]}' holds no folders; each class needs one.",
                "Put the images of each class into a folder of its name."
            );
        var decoder = new ImageDecoder(options);
        var lists = splits.ToDictionary(
            s => s.Key,
            s => List(s.Value, classes, s.Key == "train" ? options.PerClass : options.TestPerClass)
        );
        var (height, width) = options.Size > 0 ? (options.Size, options.Size) : decoder.Measure(lists["train"][0].Path);
        long[] shape = [decoder.Channels, height, width];
        foreach (var (split, files) in lists)
            _sources[split] = new ImageFolderSource(files, shape, decoder, options, $"split '{split}' of '{root}'");
        var (mean, std) = Statistics(_sources["train"], shape);
        Info = new DataInfo(InputKind.Image, shape, TargetKind.ClassIndex, classes.Length, classes, mean, std, [])
        {
            Resize = options.Size > 0 ? options.Resize : "",
        };
    }

    public DataInfo Info { get; }

    public IReadOnlyCollection<string> Splits => _sources.Keys;

    public string Fingerprint =>
        Fingerprints.Of(
            $"image-folder;{_options.Size};{_options.Resize};{_options.Grey}",
            _root,
            [.. SplitNames.Where(_sources.ContainsKey).SelectMany(s => _sources[s].Files)]
        );

    public IDataSource Open(string split) =>
        _sources.TryGetValue(split, out var source)
            ? source
            : throw Asker.Of(typeof(ImageFolderPlugin)).NoSplit(split, _sources.Keys);

    public void Dispose() { }

    // Class folders may themselves be called "train": only a folder that holds folders is a split.
    private static Dictionary<string, string> FindSplits(string root)
    {
        var folders = FolderScan.Folders(root);
        bool IsSplit(string name) => folders.Contains(name) && FolderScan.Folders(Path.Combine(root, name)).Length > 0;
        return IsSplit("train")
            ? SplitNames.Where(IsSplit).ToDictionary(s => s, s => Path.Combine(root, s))
            : new Dictionary<string, string> { ["train"] = root };
    }

    private static string[] Classes(string folder, IReadOnlyCollection<string> include)
    {
        var all = FolderScan.Folders(folder);
        var missing = include.Except(all).ToArray();
        if (missing.Length > 0)
            throw new KdException(
                DataErrors.LabelOutOfRange,
                // Not which there are: whoever wrote the recipe may have no right to look.
                $"'{folder}' has no class {string.Join(", ", missing)} among its {all.Length} folders.",
                "Correct 'include'."
            );
        return include.Count == 0 ? all : [.. all.Where(include.Contains)];
    }

    private List<(string Path, long Label)> List(string folder, string[] classes, int perClass)
    {
        var files = new List<(string, long)>();
        foreach (var name in FolderScan.Folders(folder))
        {
            var label = Array.IndexOf(classes, name);
            if (label < 0 && _options.Include.Count > 0)
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
            files.AddRange(images.Take(perClass > 0 ? perClass : images.Count).Select(i => (i, (long)label)));
        }
        return files;
    }

    private static (double[] Mean, double[] Std) Statistics(ImageFolderSource source, long[] shape)
    {
        var (channels, area) = ((int)shape[0], (int)(shape[1] * shape[2]));
        var (sums, squares, planes) = (new double[channels], new double[channels], new byte[channels * area]);
        var count = Math.Min(source.Count, MeasuredImages);
        for (long i = 0; i < count; i++)
        {
            source.Load(i * source.Count / count, planes);
            for (var p = 0; p < planes.Length; p++)
            {
                var value = planes[p] / 255.0;
                sums[p / area] += value;
                squares[p / area] += value * value;
            }
        }
        var n = (double)count * area;
        var mean = sums.Select(s => s / n).ToArray();
        return (mean, squares.Select((s, c) => Math.Sqrt(Math.Max(1e-12, s / n - mean[c] * mean[c]))).ToArray());
    }
}
