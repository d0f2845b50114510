using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Icda;

/// <summary>Which network sees which view.</summary>
public enum ViewMode
{
    /// <summary>The student its own view, the teacher its own.</summary>
    Split,

    /// <summary>Both networks both views; twice the cost.</summary>
    Symmetric,
}

/// <summary>Which of the teacher's logits the student is compared with.</summary>
public enum LogitView
{
    /// <summary>Those of the other view.</summary>
    Cross,

    /// <summary>Those of the view that the student sees; one more pass of the teacher in split mode.</summary>
    Same,
}

/// <summary>The options of <c>icda</c>.</summary>
public sealed record IcdaOptions
{
    /// <summary>The role that teaches; its weights do not change. Its augmentations make the teacher's view.</summary>
    /// <value>Default <c>teacher</c>.</value>
    [Required, MinLength(1)]
    public string Teacher { get; init; } = Roles.Teacher;

    /// <summary>The role that learns, and the run's result. Its augmentations make the student's view.</summary>
    /// <value>Default <c>student</c>.</value>
    [Required, MinLength(1)]
    public string Student { get; init; } = Roles.Student;

    /// <summary>Which network sees which view.</summary>
    /// <value><c>split</c> or <c>symmetric</c>; default <c>split</c>.</value>
    public ViewMode ViewMode { get; init; } = ViewMode.Split;

    /// <summary>Whether features are compared within a view too, not only across views; symmetric mode only.</summary>
    /// <value>Default false.</value>
    public bool IncludeSameView { get; init; }

    /// <summary>
    /// Which of the teacher's logits losses see; embeddings and taps are always compared across views. With a mixing
    /// augmentation on the student's side, <c>same</c> is what makes the logits belong to what the student sees.
    /// </summary>
    /// <value><c>cross</c> or <c>same</c>; default <c>cross</c>.</value>
    public LogitView KdOn { get; init; } = LogitView.Cross;
}
