using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Meters;

/// <summary>The options of <c>segmentation</c>.</summary>
public sealed record SegmentationOptions
{
    /// <summary>Whether logits that are smaller than the labels are enlarged with corners on corners.</summary>
    /// <value>Default false: pixels are areas, as in torchvision.</value>
    public bool AlignCorners { get; init; }

    /// <summary>Of how many samples, the first ones, the report shows image, labels and answer.</summary>
    /// <value>0 to 16; default 3.</value>
    [Range(0, 16)]
    public int Pictures { get; init; } = 3;
}
