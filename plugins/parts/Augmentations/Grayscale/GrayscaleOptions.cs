namespace KdPlugins.Augmentations;

/// <summary>The options of <c>grayscale</c>. The probability is 0.1 by default, as in torchvision; SimCLR takes 0.2.</summary>
public sealed record GrayscaleOptions() : ChanceOptions(0.1);
