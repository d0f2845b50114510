namespace KdPlugins.SelfSupervised;

/// <summary>Where the losses of two views find them.</summary>
internal static class Views
{
    /// <summary>The name under which the strategy <c>two-views</c> gives what the network said of the second view.</summary>
    public const string Second = "second-view";
}
