namespace KdPlugins.Meters;

/// <summary>The options of <c>segmentation</c>.</summary>
public sealed record SegmentationOptions
{
    /// <summary>Whether logits that are smaller than the labels are enlarged with corners on corners.</summary>
    /// <value>Default false: pixels are areas, as in torchvision.</value>
    public bool AlignCorners { get; init; }
}
