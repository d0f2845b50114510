using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Icda;

/// <summary>The options of <c>icd</c>.</summary>
public sealed record IcdOptions
{
    /// <summary>The weight of the invariance term beside the contrast.</summary>
    /// <value>0 to 1000; default 0.5.</value>
    [Range(0.0, 1000.0)]
    public double Alpha { get; init; } = 0.5;

    /// <summary>The number of features that both networks' embeddings are projected to.</summary>
    /// <value>1 to 65,536; default 128.</value>
    [Range(1, 65536)]
    public int Dimension { get; init; } = 128;

    /// <summary>Where the logarithm of the similarities' scale starts; it is learnt.</summary>
    /// <value>-10 to 10; default 1: similarities are multiplied by e at first.</value>
    [Range(-10.0, 10.0)]
    public double InitialLogScale { get; init; } = 1;

    /// <summary>What the scale is cut off at.</summary>
    /// <value>0.01 to 1000; default 10.</value>
    [Range(0.01, 1000.0)]
    public double MaxScale { get; init; } = 10;

    /// <summary>The role whose embedding is compared with the teacher's.</summary>
    /// <value>Default <c>student</c>.</value>
    [Required, MinLength(1)]
    public string Student { get; init; } = Roles.Student;

    /// <summary>The role that teaches.</summary>
    /// <value>Default <c>teacher</c>.</value>
    [Required, MinLength(1)]
    public string Teacher { get; init; } = Roles.Teacher;
}
