namespace KdPlugins.Augmentations;

/// <summary>The options of <c>normalise</c>.</summary>
public sealed record NormaliseOptions
{
    /// <summary>What is subtracted, per channel, for values in [0, 1].</summary>
    /// <value>One number per channel; default none: the data set's own mean.</value>
    public IReadOnlyList<double> Mean { get; init; } = [];

    /// <summary>What the difference is divided by, per channel.</summary>
    /// <value>One number above 0 per channel; default none: the data set's own standard deviation.</value>
    public IReadOnlyList<double> Std { get; init; } = [];
}
