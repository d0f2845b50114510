using System.IO.Compression;
using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>The arrays of a .npz file.</summary>
internal sealed class NpzDataset : IDataset
{
    private const int MeasuredImages = 256;

    private static readonly (string Split, string[] Images, string[] Labels)[] Usual =
    [
        (
            "train",
            ["train_images", "x_train", "images", "x", "arr_0"],
            ["train_labels", "y_train", "labels", "y", "arr_1"]
        ),
        ("val", ["val_images", "x_val"], ["val_labels", "y_val"]),
        ("test", ["test_images", "x_test"], ["test_labels", "y_test"]),
    ];

    private readonly string _path;
    private readonly NpzOptions _options;
    private readonly Dictionary<string, MemorySource> _sources = [];

    public NpzDataset(string path, NpzOptions options)
    {
        (_path, _options) = (path, options);
        var splits = Read();
        if (!splits.TryGetValue("train", out var train))
            throw NpyArray.Damaged(path, "holds no arrays of images and labels that can be train's");
        var count = options.Classes.Count > 0 ? options.Classes.Count : train.Labels.Max() + 1;
        foreach (var (name, (planes, labels, shape)) in splits)
        {
            if (!shape.SequenceEqual(train.Shape))
                throw new KdException(
                    DataErrors.SizesDiffer,
                    $"Split '{name}' of '{path}' has images [{string.Join(", ", shape)}], 'train' has [{string.Join(", ", train.Shape)}].",
                    "Save arrays of one size."
                );
            if (
                labels.FirstOrDefault(l => l < 0 || l >= count, -1) is var wrong
                && labels.Any(l => l < 0 || l >= count)
            )
                throw new KdException(
                    DataErrors.LabelOutOfRange,
                    $"Split '{name}' of '{path}' has the label {wrong}; there are {count} classes."
                );
            _sources[name] = new MemorySource(planes, labels, shape, $"split '{name}' of '{path}'");
        }
        var (mean, std) = Statistics(train.Planes, train.Shape);
        Info = new DataInfo(InputKind.Image, train.Shape, TargetKind.ClassIndex, count, options.Classes, mean, std, []);
    }

    public DataInfo Info { get; }

    public IReadOnlyCollection<string> Splits => _sources.Keys;

    public string Fingerprint =>
        Fingerprints.Of(
            $"npz;{_options.Images};{_options.Labels};{string.Join(',', _options.Classes)}",
            Path.GetDirectoryName(_path)!,
            [_path]
        );

    public IDataSource Open(string split) =>
        _sources.TryGetValue(split, out var source)
            ? source
            : throw Asker.Of(typeof(NpzPlugin)).NoSplit(split, _sources.Keys);

    public void Dispose() { }

    private Dictionary<string, (byte[][] Planes, long[] Labels, long[] Shape)> Read()
    {
        using var stream = DataFile.Open(_path);
        try
        {
            using var zip = new ZipArchive(stream, ZipArchiveMode.Read);
            var left = _options.MaxMegabytes * 1_000_000L;
            var splits = new Dictionary<string, (byte[][] Planes, long[] Labels, long[] Shape)>();
            foreach (var (split, images, labels) in Usual)
            {
                var isNamed = split == "train";
                var image = Find(zip, isNamed ? _options.Images : "", images);
                var label = Find(zip, isNamed ? _options.Labels : "", labels);
                if (image is null || label is null)
                    continue;
                splits[split] = Split(Array(image, ref left), Array(label, ref left), split);
            }
            return splits;
        }
        catch (InvalidDataException e)
        {
            throw new KdException(
                DataErrors.DamagedFile,
                $"'{_path}' is no intact .npz file: {SafeText.Line(e.Message)}",
                null,
                e
            );
        }
    }

    private ZipArchiveEntry? Find(ZipArchive zip, string asked, string[] usual)
    {
        var found = (asked.Length > 0 ? [asked] : usual)
            .Select(name => zip.GetEntry($"{name}.npy"))
            .FirstOrDefault(e => e is not null);
        return found is null && asked.Length > 0
            ? throw NpyArray.Damaged(
                _path,
                $"has no array '{asked}'; it has {SafeText.Line(string.Join(", ", zip.Entries.Take(20).Select(e => e.FullName)))}"
            )
            : found;
    }

    private NpyArray Array(ZipArchiveEntry entry, ref long left)
    {
        using var bytes = entry.Open();
        return NpyArray.Read(bytes, $"{_path}:{entry.FullName}", ref left);
    }

    private (byte[][] Planes, long[] Labels, long[] Shape) Split(NpyArray images, NpyArray labels, string split)
    {
        var isFlat = labels.Shape is [_] or [_, 1];
        if (images is not { Kind: 'u', Width: 1 } || !isFlat || images.Shape is not ([_, _, _] or [_, _, _, _]))
            throw NpyArray.Damaged(
                _path,
                $"has for '{split}' images {Text(images)} and labels {Text(labels)}; uint8 [N, H, W], [N, H, W, C] or [N, C, H, W] and whole "
                    + "numbers [N] are read"
            );
        var (count, numbers) = (images.Shape[0], labels.Numbers());
        if (count != numbers.Length || count == 0)
            throw NpyArray.Damaged(_path, $"has {count} images and {numbers.Length} labels for '{split}'");
        var isLast = images.Shape is [_, _, _, 1 or 3];
        long[] shape =
            images.Shape.Length == 3 ? [1, images.Shape[1], images.Shape[2]]
            : isLast ? [images.Shape[3], images.Shape[1], images.Shape[2]]
            : images.Shape is [_, 1 or 3, _, _] ? images.Shape[1..]
            : throw NpyArray.Damaged(
                _path,
                $"has images {Text(images)}, of which no dimension is one or three channels"
            );
        if (shape.Contains(0))
            throw NpyArray.Damaged(_path, $"has images {Text(images)} without pixels");
        var size = images.Bytes.Length / (int)count;
        var planes = new byte[count][];
        for (var i = 0; i < count; i++)
        {
            var pixels = images.Bytes.AsSpan(i * size, size);
            planes[i] = isLast ? Planes(pixels, (int)shape[0]) : pixels.ToArray();
        }
        return (planes, numbers, shape);
    }

    private static byte[] Planes(ReadOnlySpan<byte> pixels, int channels)
    {
        var planes = new byte[pixels.Length];
        var area = pixels.Length / channels;
        for (var p = 0; p < area; p++)
        for (var c = 0; c < channels; c++)
            planes[c * area + p] = pixels[p * channels + c];
        return planes;
    }

    private static string Text(NpyArray array) => $"{array.Kind}{8 * array.Width} [{string.Join(", ", array.Shape)}]";

    private static (double[] Mean, double[] Std) Statistics(byte[][] planes, long[] shape)
    {
        var found = new ChannelStatistics((int)shape[0], (int)(shape[1] * shape[2]));
        var count = Math.Min(planes.Length, MeasuredImages);
        for (var i = 0; i < count; i++)
            found.Add(planes[(long)i * planes.Length / count]);
        return found.Read();
    }
}
