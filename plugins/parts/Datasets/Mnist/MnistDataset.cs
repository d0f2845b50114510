using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>Pairs of idx files, held in memory.</summary>
internal sealed class MnistDataset : IDataset
{
    private static readonly string[] SplitNames = ["train", "test"];
    private readonly string _folder;
    private readonly int _classes;
    private readonly Dictionary<string, Lazy<MemorySource>> _sources;
    private long[]? _shape;

    public MnistDataset(string folder, int classes)
    {
        (_folder, _classes) = (folder, classes);
        _sources = SplitNames.ToDictionary(s => s, s => new Lazy<MemorySource>(() => Load(s)));
        // The size of the images stands in the training file.
        _ = _sources["train"].Value;
        Info = new DataInfo(InputKind.Image, _shape!, TargetKind.ClassIndex, classes, [], [0.1307], [0.3081], []);
    }

    public DataInfo Info { get; }

    public IReadOnlyCollection<string> Splits => SplitNames;

    public string Fingerprint =>
        Fingerprints.Of("mnist", _folder, [.. SplitNames.SelectMany(Files).Select(IdxFile.Find)]);

    public IDataSource Open(string split) =>
        _sources.TryGetValue(split, out var source)
            ? source.Value
            : throw Asker.Of(typeof(MnistPlugin)).NoSplit(split, SplitNames);

    public void Dispose() { }

    private string[] Files(string split)
    {
        var prefix = split == "train" ? "train" : "t10k";
        return
        [
            Path.Combine(_folder, $"{prefix}-images-idx3-ubyte"),
            Path.Combine(_folder, $"{prefix}-labels-idx1-ubyte"),
        ];
    }

    private MemorySource Load(string split)
    {
        var files = Files(split);
        var (sizes, pixels) = IdxFile.Read(files[0], 3);
        var (counts, labels) = IdxFile.Read(files[1], 1);
        if (counts[0] != sizes[0])
            throw new KdException(
                DataErrors.DamagedFile,
                $"'{files[0]}' holds {sizes[0]} images and '{files[1]}' {counts[0]} labels."
            );
        long[] shape = [1, sizes[1], sizes[2]];
        if (!(_shape ??= shape).SequenceEqual(shape))
            throw new KdException(
                DataErrors.SizesDiffer,
                $"'{files[0]}' holds images of {sizes[1]}x{sizes[2]}, the training file of {_shape[1]}x{_shape[2]}.",
                "Use files of one data set."
            );
        var wrong = Array.FindIndex(labels, l => l >= _classes);
        if (wrong >= 0)
            throw new KdException(
                DataErrors.LabelOutOfRange,
                $"Label {wrong} of '{files[1]}' is {labels[wrong]}; \"classes\" is {_classes}."
            );
        return new MemorySource(
            [.. pixels.Chunk((int)(sizes[1] * sizes[2]))],
            [.. labels.Select(l => (long)l)],
            shape,
            $"split '{split}' of data set 'mnist'"
        );
    }
}
