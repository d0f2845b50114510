using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Models;

/// <summary>The published MobileNetV2 for small images.</summary>
public enum MobileNetV2Form
{
    /// <summary>Of RepDistiller and mdistiller: a stem of stride 2, shortcuts where the width stays.</summary>
    Distiller,

    /// <summary>Of the CIFAR model collections: a stem of stride 1, a projected shortcut where the width changes.</summary>
    Cifar,
}

/// <summary>The options of <c>mobilenet-v2</c>.</summary>
public sealed record MobileNetV2Options
{
    /// <summary>The form.</summary>
    /// <value><c>distiller</c> or <c>cifar</c>; default <c>distiller</c>.</value>
    public MobileNetV2Form Form { get; init; } = MobileNetV2Form.Distiller;

    /// <summary>What all channel counts but the last one (1280) are multiplied by, rounded down.</summary>
    /// <value>0 to 1; 0 for the usual one of the form: 0.5 of <c>distiller</c>, 1 of <c>cifar</c>. Default 0.</value>
    [Range(0.0, 1.0)]
    public double Width { get; init; }

    /// <summary>By how much a block widens between its 1x1 convolutions; the first block never does.</summary>
    /// <value>1 to 12; default 6.</value>
    [Range(1, 12)]
    public int Expansion { get; init; } = 6;

    internal int Scaled(int channels)
    {
        var width =
            Width > 0 ? Width
            : Form == MobileNetV2Form.Distiller ? 0.5
            : 1;
        return Math.Max(1, (int)(channels * width));
    }
}
