using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Losses;

/// <summary>The options of losses that compare what two networks make of the same samples.</summary>
public abstract record PairOptions
{
    /// <summary>The role that learns.</summary>
    /// <value>Default <c>student</c>.</value>
    [Required, MinLength(1)]
    public string Student { get; init; } = Roles.Student;

    /// <summary>The role that teaches.</summary>
    /// <value>Default <c>teacher</c>.</value>
    [Required, MinLength(1)]
    public string Teacher { get; init; } = Roles.Teacher;
}
