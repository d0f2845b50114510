using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Models;

/// <summary>How a ResNet begins.</summary>
public enum ResNetStem
{
    /// <summary>A 3x3 convolution of stride 1, for small images.</summary>
    Small,

    /// <summary>A 7x7 convolution of stride 2 and a 3x3 max-pool of stride 2, as for ImageNet.</summary>
    Imagenet,
}

/// <summary>Whose names the parameters of a ResNet bear.</summary>
public enum ResNetNaming
{
    /// <summary><c>downsample.0</c>, <c>downsample.1</c> and <c>fc</c>.</summary>
    Torchvision,

    /// <summary><c>shortcut.0</c>, <c>shortcut.1</c> and <c>linear</c>, as in mdistiller and RepDistiller.</summary>
    Distiller,
}

/// <summary>The options of <c>resnet</c>.</summary>
public sealed record ResNetOptions
{
    /// <summary>Layers with weights on the longest path; up to 34 of two-convolution blocks, above of bottlenecks.</summary>
    /// <value>10, 18, 34, 50 or 101; default 18.</value>
    [AllowedValues(10, 18, 34, 50, 101)]
    public int Depth { get; init; } = 18;

    /// <summary>The form of the first layers.</summary>
    /// <value><c>small</c> or <c>imagenet</c>; default <c>small</c>.</value>
    public ResNetStem Stem { get; init; } = ResNetStem.Small;

    /// <summary>Zero pixels around the image in the small stem; 2 makes the map two pixels larger than the image.</summary>
    /// <value>1 or 2; default 1. The imagenet stem always has 3.</value>
    [Range(1, 2)]
    public int StemPadding { get; init; } = 1;

    /// <summary>Channels of the first stage; the others have 2, 4 and 8 times as many.</summary>
    /// <value>4 to 256; default 64, as published.</value>
    [Range(4, 256)]
    public int Width { get; init; } = 64;

    /// <summary>Whether every block begins as the identity: the scale of its last norm starts at 0.</summary>
    /// <value>Default false.</value>
    public bool ZeroInitResidual { get; init; }

    /// <summary>Whose names the parameters bear; matters for weights only.</summary>
    /// <value><c>torchvision</c> or <c>distiller</c>; default <c>torchvision</c>.</value>
    public ResNetNaming Naming { get; init; } = ResNetNaming.Torchvision;

    internal int[] Blocks =>
        Depth switch
        {
            10 => [1, 1, 1, 1],
            18 => [2, 2, 2, 2],
            34 or 50 => [3, 4, 6, 3],
            _ => [3, 4, 23, 3],
        };

    internal bool Bottlenecks => Depth >= 50;
}
