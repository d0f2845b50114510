using System.Globalization;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>Which class the stored values of label maps mean.</summary>
internal sealed class LabelTable
{
    private const int Unknown = -2;
    private readonly int[] _indexes = new int[256];
    private readonly Dictionary<int, int> _colours = [];
    private readonly bool _looksPalettesUp;

    /// <param name="options">What is said.</param>
    /// <param name="layout">What is not.</param>
    /// <param name="place">For messages.</param>
    /// <exception cref="KdException"><c>KDP0306</c>: no classes, or the ignored label is one; <c>KDP0405</c>: a colour of two classes.</exception>
    public LabelTable(SegmentationFolderOptions options, SegmentationLayout layout, string place)
    {
        Names = options.Classes.Count > 0 ? options.Classes : layout.Classes;
        if (Names.Count == 0)
            throw new KdException(
                CoreErrors.WrongCombination,
                $"Nothing says which classes the label maps of '{place}' have.",
                "Name them in \"classes\", or set \"layout\" to camvid, cityscapes or voc."
            );
        if (options.IgnoreIndex >= 0 && options.IgnoreIndex < Names.Count)
            throw new KdException(
                CoreErrors.WrongCombination,
                $"Pixels labelled {options.IgnoreIndex} are not to count, and that is a class: there are {Names.Count}.",
                "Set \"ignoreIndex\" to 255 or -1."
            );
        Ignore = options.IgnoreIndex;
        _looksPalettesUp = options.Palettes == "colour";
        Fill(options, layout);
        // Colours go with classes: those of the layout do not fit classes of somebody's own.
        var own = options.Classes.Count > 0 || options.Colours.Count > 0;
        var colours = options.Colours.Count > 0 || own ? options.Colours : layout.Colours;
        if (
            (colours.Count > 0 && colours.Count != Names.Count)
            || (layout.Ids.Count > 0 && layout.Ids.Count != Names.Count)
        )
            throw new KdException(
                CoreErrors.WrongCombination,
                $"There are {Names.Count} classes in \"classes\", and the layout or \"colours\" says {Math.Max(colours.Count, layout.Ids.Count)}.",
                "Name as many classes, or leave \"classes\" out."
            );
        for (var i = 0; i < colours.Count; i++)
            Add(colours[i], i);
        foreach (var text in options.IgnoredColours.Count > 0 || own ? options.IgnoredColours : layout.IgnoredColours)
            Add(text, Ignore);
    }

    public IReadOnlyList<string> Names { get; }

    /// <summary>The label of pixels that do not count.</summary>
    public int Ignore { get; }

    public static bool AreColours(string text)
    {
        var parts = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return parts.Length > 0
            && parts.All(p =>
                p.Length == 7
                && p[0] == '#'
                && int.TryParse(p.AsSpan(1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _)
            );
    }

    /// <summary>The label of every value of a row of pixels that are looked at.</summary>
    /// <param name="map">The file's content.</param>
    /// <param name="pixel">The number of a pixel.</param>
    /// <param name="path">The file, for messages.</param>
    /// <exception cref="KdException"><c>KDP0405</c>: a value that means nothing.</exception>
    public int LabelOf(LabelMap map, int pixel, string path)
    {
        if (!map.IsColour && !(_looksPalettesUp && map.Palette is not null))
            return _indexes[map.Values[pixel]] is not Unknown and var label
                ? label
                : throw Outside(
                    path,
                    pixel,
                    map,
                    $"the label {map.Values[pixel]}",
                    $"none of the {Names.Count} classes"
                );
        var colour = Colour(map, pixel);
        return _colours.TryGetValue(colour, out var known)
            ? known
            : throw Outside(path, pixel, map, $"the colour #{colour:x6}", "the colour of no class");
    }

    private static int Colour(LabelMap map, int pixel)
    {
        var at = 3 * (map.IsColour ? pixel : map.Values[pixel]);
        var from = map.IsColour ? map.Values : map.Palette!;
        // An index beyond the palette is black, as PNG readers have it.
        return at + 2 < from.Length ? (from[at] << 16) | (from[at + 1] << 8) | from[at + 2] : 0;
    }

    private void Fill(SegmentationFolderOptions options, SegmentationLayout layout)
    {
        for (var value = 0; value < 256; value++)
        {
            var label = value - options.FirstLabel;
            _indexes[value] =
                value == options.IgnoreIndex || options.Ignored.Contains(value) ? Ignore
                : label >= 0 && label < Names.Count ? label
                : Unknown;
        }
        if (layout.Ids.Count > 0)
            for (var value = 0; value < 256; value++)
                _indexes[value] = layout.Ids.TryGetValue(value, out var label) ? label : Ignore;
        else if (options.Ignored.Count == 0 && options.Classes.Count == 0)
            foreach (var value in layout.Ignored)
                _indexes[value] = Ignore;
    }

    private void Add(string text, int label)
    {
        foreach (var part in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var colour = int.Parse(part.AsSpan(1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            if (!_colours.TryAdd(colour, label))
                throw new KdException(
                    DataErrors.LabelOutOfRange,
                    $"The colour {part} stands for two classes.",
                    "Give each colour once in \"colours\" and \"ignoredColours\"."
                );
        }
    }

    private static KdException Outside(string path, int pixel, LabelMap map, string what, string why) =>
        new(
            DataErrors.LabelOutOfRange,
            $"'{path}' has {what} at row {pixel / map.Width}, column {pixel % map.Width}, which is {why}.",
            "Correct the file, or say in \"classes\", \"colours\", \"ignored\" or \"ignoredColours\" what it means."
        );
}
