namespace KdPlugins.Augmentations;

/// <summary>The options of <c>random-rotation</c>; <c>degrees</c> is 15 by default (torchvision has no default).</summary>
public sealed record RandomRotationOptions() : GeometryOptions(15);
