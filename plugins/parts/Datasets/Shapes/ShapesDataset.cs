using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Datasets;

/// <summary>Images that are computed when they are asked for; nothing is stored.</summary>
internal sealed class ShapesDataset : IDataset
{
    // Raise it when the same options no longer give the same bytes: fingerprints have to tell.
    private const string Generation = "shapes/1";
    private static readonly string[] SplitNames = ["train", "test"];
    private readonly ShapesOptions _options;

    public ShapesDataset(ShapesOptions options)
    {
        _options = options;
        var names = Enumerable
            .Range(options.FirstClass, options.Classes)
            .Select(k =>
                $"{ShapeTexture.Names[k % ShapeTexture.Names.Length]} {ShapeForm.Names[k / ShapeTexture.Names.Length]}"
            );
        var target = options.Target switch
        {
            "mask" => TargetKind.ClassMap,
            "boxes" => TargetKind.Boxes,
            _ => TargetKind.ClassIndex,
        };
        string[] classes = target == TargetKind.ClassMap ? ["background", .. names] : [.. names];
        var (mean, std) = Statistics();
        Info = new DataInfo(
            InputKind.Image,
            [3, options.Height, options.Width],
            target,
            classes.Length,
            classes,
            mean,
            std,
            []
        );
        Fingerprint = Hash(options);
    }

    public DataInfo Info { get; }

    public IReadOnlyCollection<string> Splits => SplitNames;

    public string Fingerprint { get; }

    public IDataSource Open(string split) =>
        split switch
        {
            "train" => new ShapesSource(_options, split, _options.Train),
            "test" => new ShapesSource(_options, split, _options.Test),
            _ => throw Asker.Of(typeof(ShapesPlugin)).NoSplit(split, SplitNames),
        };

    public void Dispose() { }

    // Of the first images of the training split: enough for two decimals, and milliseconds.
    private (double[] Mean, double[] Std) Statistics()
    {
        var source = new ShapesSource(_options, "train", _options.Train);
        var area = _options.Height * _options.Width;
        var (found, planes) = (new ChannelStatistics(3, area), new byte[3 * area]);
        var count = Math.Min(_options.Train, Math.Max(16, 65536 / area));
        for (var i = 0; i < count; i++)
        {
            source.Paint(i, planes);
            found.Add(planes);
        }
        return found.Read();
    }

    private static string Sides(ShapesOptions options) =>
        options.Height == options.Width ? $"{options.Height}" : $"{options.Height}x{options.Width}";

    private static string Hash(ShapesOptions options)
    {
        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"{Generation};{Sides(options)};{options.Classes};{options.Train};{options.Test};{options.Target};{options.Objects};"
                + $"{options.Noise:R};{options.Clutter};{options.Occlusion:R};{options.DomainShift:R};{options.Seed}"
        );
        // What began with the first class before there was a choice keeps its fingerprint.
        if (options.FirstClass > 0)
            text += string.Create(CultureInfo.InvariantCulture, $";from {options.FirstClass}");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }
}
