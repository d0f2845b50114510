namespace KdPlugins.Augmentations;

/// <summary>The options of <c>equalize</c>. The probability is 0.5 by default.</summary>
public sealed record EqualizeOptions() : ChanceOptions(0.5);
