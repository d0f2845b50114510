namespace KdPlugins.Losses;

/// <summary>The options of <c>pkt</c>.</summary>
public sealed record PktOptions : PairOptions;
