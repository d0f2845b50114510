namespace KdPlugins.Datasets;

/// <summary>The options of <c>image-tar</c>.</summary>
public sealed record ImageTarOptions : SplitOptions
{
    /// <summary>The key of the label in <c>.json</c> files, where samples have no <c>.cls</c>.</summary>
    /// <value>Default empty: <c>label</c>, <c>cls</c>, <c>class</c> or <c>target</c>.</value>
    public string LabelKey { get; init; } = "";
}
