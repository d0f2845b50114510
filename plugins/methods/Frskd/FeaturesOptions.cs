using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Frskd;

/// <summary>How maps of student and self-teacher are compared.</summary>
public enum FeatureForm
{
    /// <summary>Where they are active: attention maps.</summary>
    Attention,

    /// <summary>By all values, behind a learnt 1x1 convolution with norm and ReLU.</summary>
    Fit,

    /// <summary>By values before the activation, behind a learnt 1x1 convolution with norm, cut off at a margin.</summary>
    Od,
}

/// <summary>The options of <c>frskd-features</c>.</summary>
public sealed record FeaturesOptions
{
    /// <summary>How maps are compared.</summary>
    /// <value><c>attention</c>, <c>fit</c> or <c>od</c>; default <c>attention</c>.</value>
    public FeatureForm Form { get; init; } = FeatureForm.Attention;

    /// <summary>The student's feature maps; the option <c>levels</c> of <c>frskd</c> again.</summary>
    /// <value>Names of taps; default empty: all of the form <c>layerN</c>.</value>
    [Required]
    public IReadOnlyList<string> Levels { get; init; } = [];

    /// <summary>The role that learns.</summary>
    /// <value>Default <c>student</c>.</value>
    [Required, MinLength(1)]
    public string Student { get; init; } = Roles.Student;

    /// <summary>The role that teaches, with taps of the levels' names.</summary>
    /// <value>Default <c>teacher</c>.</value>
    [Required, MinLength(1)]
    public string Teacher { get; init; } = Roles.Teacher;
}
