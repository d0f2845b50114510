using System.Collections.Immutable;

namespace KdPlugins.Datasets;

/// <summary>What a published data set calls its classes.</summary>
/// <param name="Classes">Their names.</param>
/// <param name="Colours">One text for each, as the options have them.</param>
/// <param name="IgnoredColours">Of pixels that do not count.</param>
/// <param name="Ignored">Labels of such pixels.</param>
/// <param name="Ids">The class of each label that is one, where the files number otherwise; empty where they do not.</param>
internal sealed record SegmentationLayout(
    IReadOnlyList<string> Classes,
    IReadOnlyList<string> Colours,
    IReadOnlyList<string> IgnoredColours,
    IReadOnlyList<int> Ignored,
    IReadOnlyDictionary<int, int> Ids
)
{
    private static readonly IReadOnlyDictionary<int, int> None = ImmutableDictionary<int, int>.Empty;

    public static SegmentationLayout Plain { get; } = new([], [], [], [], None);

    /// <summary>The 11 classes of SegNet's selection, and which of the 32 original colours they are.</summary>
    public static SegmentationLayout CamVid { get; } =
        new(
            [
                .. (string[])["sky", "building", "pole", "road", "pavement", "tree"],
                .. (string[])["sign", "fence", "car", "pedestrian", "bicyclist"],
            ],
            [
                "#808080",
                "#c00080 #008040 #800000 #400040 #40c000",
                "#c0c080 #000040",
                "#804080 #8000c0 #c00040",
                "#0000c0 #40c080 #8080c0",
                "#808000 #c0c000",
                "#c08080 #808040 #004040",
                "#404080",
                "#400080 #4080c0 #c080c0 #c04080 #804040",
                "#404000 #c08040 #4000c0 #408040",
                "#0080c0 #c000c0",
            ],
            ["#000000"],
            [11],
            None
        );

    private static readonly string[] CityscapesNames =
    [
        .. (string[])["road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign"],
        .. (string[])["vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train"],
        .. (string[])["motorcycle", "bicycle"],
    ];

    private static readonly string[] CityscapesColours =
    [
        .. (string[])["#804080", "#f423e8", "#464646", "#66669c", "#be9999", "#999999", "#faaa1e", "#dcdc00"],
        .. (string[])["#6b8e23", "#98fb98", "#4682b4", "#dc143c", "#ff0000", "#00008e", "#000046", "#003c64"],
        .. (string[])["#005064", "#0000e6", "#770b20"],
    ];

    private static readonly int[] CityscapesIds =
    [
        .. (int[])[7, 8, 11, 12, 13, 17, 19, 20, 21, 22],
        .. (int[])[23, 24, 25, 26, 27, 28, 31, 32, 33],
    ];

    /// <summary>The 19 classes that are evaluated.</summary>
    public static SegmentationLayout Cityscapes(CityscapesLabels labels) =>
        new(
            CityscapesNames,
            CityscapesColours,
            [],
            [],
            labels == CityscapesLabels.LabelIds
                ? CityscapesIds.Select((id, i) => (id, i)).ToImmutableDictionary(p => p.id, p => p.i)
                : None
        );

    /// <summary>Background and 20 classes.</summary>
    public static SegmentationLayout Voc { get; } =
        new(
            [
                .. (string[])["background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat"],
                .. (string[])["chair", "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant"],
                .. (string[])["sheep", "sofa", "train", "tvmonitor"],
            ],
            [.. Enumerable.Range(0, 21).Select(VocColour)],
            ["#e0e0c0"],
            [],
            None
        );

    // The bits of the number, three by three, from the highest of each channel down.
    private static string VocColour(int label)
    {
        var (red, green, blue) = (0, 0, 0);
        for (var bit = 7; label > 0; bit--, label >>= 3)
        {
            red |= (label & 1) << bit;
            green |= ((label >> 1) & 1) << bit;
            blue |= ((label >> 2) & 1) << bit;
        }
        return $"#{(red << 16) | (green << 8) | blue:x6}";
    }
}
