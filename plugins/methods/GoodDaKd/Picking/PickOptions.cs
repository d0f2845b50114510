using System.ComponentModel.DataAnnotations;

namespace KdPlugins.GoodDaKd;

/// <summary>What is picked from a pool of augmented samples.</summary>
public abstract record PickOptions
{
    /// <summary>
    /// What makes a sample worth picking: the entropy of the teacher's answer (<c>teacher-entropy</c>) or of the student's
    /// (<c>student-entropy</c>), how far the student's answer is from the teacher's (<c>divergence</c>), or how far the
    /// teacher's answer is from its nearest answer to a sample of the batch (<c>dissimilarity</c>).
    /// </summary>
    /// <value>
    /// <c>teacher-entropy</c>, <c>student-entropy</c>, <c>divergence</c> or <c>dissimilarity</c>; default
    /// <c>teacher-entropy</c>, the best one of the paper.
    /// </value>
    [AllowedValues("teacher-entropy", "student-entropy", "divergence", "dissimilarity")]
    public string Criterion { get; init; } = "teacher-entropy";

    /// <summary>How many samples are picked; 0 for as many as the batch has.</summary>
    /// <value>0 to 65536; default 0. The official code keeps 64, its batch size.</value>
    [Range(0, 65_536)]
    public int Keep { get; init; }

    /// <summary>The temperature of <c>divergence</c>.</summary>
    /// <value>0.01 to 1000; default 4.</value>
    [Range(0.01, 1000.0)]
    public double Temperature { get; init; } = 4;

    /// <summary>The role that teaches.</summary>
    /// <value>A role of the recipe; default <c>teacher</c>.</value>
    [Required, MinLength(1)]
    public string Teacher { get; init; } = Core.Roles.Teacher;

    /// <summary>The role that learns.</summary>
    /// <value>A role of the recipe; default <c>student</c>.</value>
    [Required, MinLength(1)]
    public string Student { get; init; } = Core.Roles.Student;
}
