using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Models;

/// <summary>The form of a VGG.</summary>
public enum VggForm
{
    /// <summary>Parameters <c>blockN.M</c> and <c>classifier</c>; the mean over positions goes to the classifier.</summary>
    Distiller,

    /// <summary>Parameters <c>features.N</c> and <c>fc</c>; a fifth pooling, then every value goes to the classifier.</summary>
    Features,
}

/// <summary>The options of <c>vgg</c>.</summary>
public sealed record VggOptions
{
    /// <summary>Layers with weights in the original, which had three linear ones; here there is one.</summary>
    /// <value>8, 11, 13, 16 or 19; default 8.</value>
    [AllowedValues(8, 11, 13, 16, 19)]
    public int Depth { get; init; } = 8;

    /// <summary>The form.</summary>
    /// <value><c>distiller</c> or <c>features</c>; default <c>distiller</c>.</value>
    public VggForm Form { get; init; } = VggForm.Distiller;

    /// <summary>Whether a batch norm follows every convolution.</summary>
    /// <value>Default true.</value>
    public bool BatchNorm { get; init; } = true;

    internal int[][] Stages =>
        Depth switch
        {
            8 =>
            [
                [64],
                [128],
                [256],
                [512],
                [512],
            ],
            11 =>
            [
                [64],
                [128],
                [256, 256],
                [512, 512],
                [512, 512],
            ],
            13 =>
            [
                [64, 64],
                [128, 128],
                [256, 256],
                [512, 512],
                [512, 512],
            ],
            16 =>
            [
                [64, 64],
                [128, 128],
                [256, 256, 256],
                [512, 512, 512],
                [512, 512, 512],
            ],
            _ =>
            [
                [64, 64],
                [128, 128],
                [256, 256, 256, 256],
                [512, 512, 512, 512],
                [512, 512, 512, 512],
            ],
        };
}
