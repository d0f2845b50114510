using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.SelfSupervised;

/// <summary>The options of <c>linear-evaluation</c>.</summary>
public sealed record LinearEvaluationOptions
{
    /// <summary>The role whose features are judged; its features do not change.</summary>
    /// <value>Default <c>student</c>.</value>
    [Required, MinLength(1)]
    public string Role { get; init; } = Roles.Student;

    /// <summary>How many neighbours vote; 0 leaves the stage <c>neighbours</c> out.</summary>
    /// <value>0 to 10,000; default 0.</value>
    [Range(0, 10_000)]
    public int Neighbours { get; init; }

    /// <summary>What similarities are divided by before they weigh the votes.</summary>
    /// <value>Above 0 to 100; default 0.07.</value>
    [Range(0.0, 100.0, MinimumIsExclusive = true)]
    public double Temperature { get; init; } = 0.07;
}
