namespace KdPlugins.Losses;

/// <summary>The options of <c>nst</c>.</summary>
public sealed record NstOptions() : FeatureOptions("layer1", "layer2", "layer3");
