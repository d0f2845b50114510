using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>A data set of encoded images with one class each, wherever they are stored.</summary>
internal sealed class ImageSet : IDataset
{
    private const int MeasuredImages = 256;
    private const int SmallestSize = 8;
    private static readonly int[] UsualSizes = [224, 192, 160, 128, 96, 64, 48, 32];
    private readonly Type _plugin;
    private readonly Func<string> _fingerprint;
    private readonly ImageDecoder _decoder;
    private readonly ImageSplit _train;
    private readonly Dictionary<string, ImageSource> _sources = [];

    /// <param name="plugin">Whose it is, for messages.</param>
    /// <param name="options">What is done to the images.</param>
    /// <param name="splits">Train among them, none empty.</param>
    /// <param name="classes">How many, and their names, or none.</param>
    /// <param name="place">Where the data are, for messages.</param>
    /// <param name="fingerprint">SHA-256 over what the samples are made from.</param>
    public ImageSet(
        Type plugin,
        ImageOptions options,
        IReadOnlyDictionary<string, ImageSplit> splits,
        ClassList classes,
        string place,
        Func<string> fingerprint
    )
    {
        (_plugin, _fingerprint) = (plugin, fingerprint);
        var doubts = new List<string>();
        var decoder = new ImageDecoder(options);
        var intact = splits;
        if (options.SkipCorrupt > 0)
            intact = splits.ToDictionary(s => s.Key, s => CorruptImages.Skip(s.Key, s.Value, decoder, options, doubts));
        (_decoder, _train) = (decoder, intact["train"]);
        var (height, width) = decoder.Measure(_train);
        long[] shape = [decoder.Channels, height, width];
        foreach (var (name, split) in intact)
            _sources[name] = new ImageSource(
                split,
                shape,
                decoder,
                options.CacheMegabytes,
                $"split '{name}' of '{place}'"
            );
        DuplicateImages.Tell(intact, doubts);
        var (mean, std) = Statistics(_sources["train"], shape);
        Info = new DataInfo(InputKind.Image, shape, TargetKind.ClassIndex, classes.Count, classes.Names, mean, std, [])
        {
            Resize = options.Height > 0 ? options.Resize : "",
            Doubts = doubts,
        };
    }

    public DataInfo Info { get; }

    public IReadOnlyCollection<string> Splits => _sources.Keys;

    public string Fingerprint => _fingerprint();

    public IDataSource Open(string split) =>
        _sources.TryGetValue(split, out var source) ? source : throw Asker.Of(_plugin).NoSplit(split, _sources.Keys);

    public void Dispose() { }

    /// <summary>
    /// The size to train at: what the images have where they agree and are not large, else a square of a usual size that most of
    /// them can be cut down to.
    /// </summary>
    public (int Height, int Width) SuggestSize()
    {
        var count = Math.Min(_train.Count, MeasuredImages);
        var sizes = new List<(int Height, int Width)>();
        for (long i = 0; i < count; i++)
            sizes.Add(_decoder.HeaderSize(_train, i * _train.Count / count));
        if (sizes.Distinct().Count() == 1 && Math.Max(sizes[0].Height, sizes[0].Width) <= UsualSizes[0])
            return sizes[0];
        int[] shorter = [.. sizes.Select(s => Math.Min(s.Height, s.Width)).Order()];
        var most = shorter[shorter.Length / 10];
        var side = UsualSizes.FirstOrDefault(s => s <= most, Math.Max(most, SmallestSize));
        return (side, side);
    }

    internal static (double[] Mean, double[] Std) Statistics(ImageSource source, long[] shape)
    {
        var (channels, area) = ((int)shape[0], (int)(shape[1] * shape[2]));
        var (found, planes) = (new ChannelStatistics(channels, area), new byte[channels * area]);
        var count = Math.Min(source.Count, MeasuredImages);
        for (long i = 0; i < count; i++)
        {
            source.Load(i * source.Count / count, planes);
            found.Add(planes);
        }
        return found.Read();
    }
}
