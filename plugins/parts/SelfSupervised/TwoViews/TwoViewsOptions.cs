using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.SelfSupervised;

/// <summary>The options of <c>two-views</c>.</summary>
public sealed record TwoViewsOptions
{
    /// <summary>The role that learns, and the run's result.</summary>
    /// <value>Default <c>student</c>.</value>
    [Required, MinLength(1)]
    public string Role { get; init; } = Roles.Student;

    /// <summary>The source of the samples; targets are not read.</summary>
    /// <value>Default <c>train</c>.</value>
    [Required, MinLength(1)]
    public string Source { get; init; } = "train";
}
