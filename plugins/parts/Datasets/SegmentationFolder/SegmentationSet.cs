using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>Images with a class for every pixel.</summary>
internal sealed class SegmentationSet : IDataset
{
    private readonly Dictionary<string, SegmentationSource> _sources = [];
    private readonly Func<string> _fingerprint;

    public SegmentationSet(SegmentationFolderOptions options, string root)
    {
        var layout = options.Layout == "auto" ? SegmentationScan.Guess(root) : options.Layout;
        var table = new LabelTable(
            options,
            layout switch
            {
                "camvid" => SegmentationLayout.CamVid,
                "cityscapes" => SegmentationLayout.Cityscapes(options.Cityscapes),
                "voc" => SegmentationLayout.Voc,
                _ => SegmentationLayout.Plain,
            },
            root
        );
        var pairs = SegmentationScan.Find(root, layout, options);
        var (decoder, doubts) = (new ImageDecoder(options), new List<string>());
        var splits = pairs.ToDictionary(
            p => p.Key,
            p => new ImageSplit(new FileStore(p.Value.Images), new long[p.Value.Images.Count])
        );
        if (options.SkipCorrupt > 0)
            splits = splits.ToDictionary(s => s.Key, s => CorruptImages.Skip(s.Key, s.Value, decoder, options, doubts));
        DuplicateImages.Tell(splits, doubts);
        var (height, width) = decoder.Measure(splits["train"]);
        long[] shape = [decoder.Channels, height, width];
        var (mean, std) = ((double[])[], (double[])[]);
        foreach (var (name, split) in splits)
        {
            var images = new ImageSource(split, shape, decoder, options.CacheMegabytes, $"split '{name}' of '{root}'");
            _sources[name] = new(split, pairs[name].Maps, images, decoder, table, options, height, width);
            if (name == "train")
                (mean, std) = ImageSet.Statistics(images, shape);
        }
        Info = new DataInfo(InputKind.Image, shape, TargetKind.ClassMap, table.Names.Count, table.Names, mean, std, [])
        {
            Resize = options.Height > 0 ? options.Resize : "",
            Doubts = doubts,
        };
        var said = string.Join(
            ';',
            layout,
            options.Salt,
            string.Join(',', table.Names),
            string.Join(',', options.Colours.Concat(options.IgnoredColours)),
            string.Join(',', options.Ignored),
            options.Palettes,
            $"{options.FirstLabel}, {options.IgnoreIndex}, {options.Cityscapes}"
        );
        _fingerprint = () =>
            Fingerprints.Of(
                $"segmentation-folder;{said}",
                root,
                [
                    .. pairs
                        .OrderBy(p => p.Key, StringComparer.Ordinal)
                        .SelectMany(p => p.Value.Images.Concat(p.Value.Maps)),
                ]
            );
    }

    public DataInfo Info { get; }

    public IReadOnlyCollection<string> Splits => _sources.Keys;

    public string Fingerprint => _fingerprint();

    public IDataSource Open(string split) =>
        _sources.TryGetValue(split, out var source)
            ? source
            : throw Asker.Of(typeof(SegmentationFolderPlugin)).NoSplit(split, _sources.Keys);

    public void Dispose() { }
}
