namespace KdPlugins.Losses;

/// <summary>The options of <c>sp</c>.</summary>
public sealed record SpOptions() : FeatureOptions("layer3");
