using System.ComponentModel.DataAnnotations;

namespace KdPlugins.GoodDaKd;

/// <summary>The options of <c>t-stddev</c>.</summary>
public sealed record TeacherDeviationOptions
{
    /// <summary>The role that teaches.</summary>
    /// <value>A role of the recipe; default <c>teacher</c>.</value>
    [Required, MinLength(1)]
    public string Teacher { get; init; } = Core.Roles.Teacher;

    /// <summary>
    /// The role whose view holds the augmentation; where the recipe has no such role, there is no augmented stream.
    /// </summary>
    /// <value>A role; default <c>student</c>.</value>
    [Required, MinLength(1)]
    public string Student { get; init; } = Core.Roles.Student;

    /// <summary>Consecutive steps whose answers make a group.</summary>
    /// <value>1 to 10,000; default 5, with a batch of 64 the published 640 answers.</value>
    [Range(1, 10_000)]
    public int StepsPerGroup { get; init; } = 5;

    /// <summary>The confidence of the interval.</summary>
    /// <value>0.5 to 0.999; default 0.95.</value>
    [Range(0.5, 0.999)]
    public double Confidence { get; init; } = 0.95;
}
