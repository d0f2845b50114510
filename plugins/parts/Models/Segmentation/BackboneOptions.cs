using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Models;

/// <summary>How a ResNet for class maps begins.</summary>
public enum MapStem
{
    /// <summary>A 7x7 convolution of stride 2, as in torchvision.</summary>
    Plain,

    /// <summary>Three 3x3 convolutions, the first of stride 2, as in the code bases of semantic segmentation ("ResNet v1b/v1c").</summary>
    Deep,
}

/// <summary>What networks of a dilated backbone and a head have in common.</summary>
public abstract record BackboneOptions
{
    /// <summary>The network whose stages come first.</summary>
    /// <value>
    /// <c>resnet10</c>, <c>resnet18</c>, <c>resnet34</c>, <c>resnet50</c>, <c>resnet101</c> or <c>mobilenet-v2</c>; default
    /// <c>resnet18</c>.
    /// </value>
    [AllowedValues("resnet10", "resnet18", "resnet34", "resnet50", "resnet101", "mobilenet-v2")]
    public string Backbone { get; init; } = "resnet18";

    /// <summary>How a ResNet begins; <c>mobilenet-v2</c> has one form.</summary>
    /// <value><c>plain</c> or <c>deep</c>; default <c>plain</c>.</value>
    public MapStem Stem { get; init; } = MapStem.Plain;

    /// <summary>What all channel counts, but those of image and classes, are multiplied by, rounded down to at least 4.</summary>
    /// <value>0.05 to 2; default 1.</value>
    [Range(0.05, 2.0)]
    public double Width { get; init; } = 1;

    /// <summary>Pixels of the image for one of the logits, along each side: later stages widen their kernels in place of striding.</summary>
    /// <value>8 or 16; default 8.</value>
    [AllowedValues(8, 16)]
    public int OutputStride { get; init; } = 8;

    /// <summary>Channels of the main head.</summary>
    /// <value>0 to 2048; 0 for the published ones: 256 on resnet50 and resnet101, 128 on the others. Default 0.</value>
    [Range(0, 2048)]
    public int HeadChannels { get; init; }

    /// <summary>Whether an auxiliary head on the third stage gives the tap <c>aux</c>.</summary>
    /// <value>Default true.</value>
    public bool Aux { get; init; } = true;

    /// <summary>The share of the heads' last values that training drops.</summary>
    /// <value>0 to below 1; default 0.1.</value>
    [Range(0.0, 1.0, MaximumIsExclusive = true)]
    public double Dropout { get; init; } = 0.1;

    internal bool IsMobile => Backbone == "mobilenet-v2";

    internal ResNetOptions ResNet =>
        new()
        {
            Depth = int.Parse(Backbone.AsSpan("resnet".Length), System.Globalization.CultureInfo.InvariantCulture),
            Width = Scaled(64),
            Stem = ResNetStem.Imagenet,
        };

    internal int Head => HeadChannels > 0 ? HeadChannels : Scaled(!IsMobile && ResNet.Bottlenecks ? 256 : 128);

    internal int Scaled(int channels) => Math.Max(4, (int)(channels * Width));
}
