namespace KdPlugins.Losses;

/// <summary>How attention maps are compared.</summary>
public enum AttentionDistance
{
    /// <summary>The mean of the squared differences, as the published code has it.</summary>
    MeanSquare,

    /// <summary>The length of the difference, the mean over samples, as equation 2 of the paper has it.</summary>
    Norm,
}

/// <summary>The options of <c>at</c>.</summary>
public sealed record AtOptions() : FeatureOptions("layer1", "layer2", "layer3")
{
    /// <summary>How the maps are compared.</summary>
    /// <value><c>mean-square</c> or <c>norm</c>; default <c>mean-square</c>.</value>
    public AttentionDistance Distance { get; init; } = AttentionDistance.MeanSquare;
}
