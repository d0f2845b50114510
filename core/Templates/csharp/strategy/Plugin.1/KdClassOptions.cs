using System.ComponentModel.DataAnnotations;

namespace Plugin._1;

/// <summary>The options of <c>plugin-id-1</c>.</summary>
public sealed record KdClassOptions
{
    /// <summary>Epochs in which the student learns from the teacher alone, before those that the recipe says.</summary>
    /// <value>0 to 100,000; default 1.</value>
    [Range(0, 100_000)]
    public int GuidedEpochs { get; init; } = 1;
}
