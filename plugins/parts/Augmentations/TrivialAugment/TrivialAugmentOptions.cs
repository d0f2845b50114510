using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Augmentations;

/// <summary>The options of <c>trivial-augment</c>.</summary>
public sealed record TrivialAugmentOptions : PolicyOptions
{
    /// <summary>How many strengths there are from none to the strongest.</summary>
    /// <value>2 to 256; default 31.</value>
    [Range(2, 256)]
    public int Levels { get; init; } = 31;
}
