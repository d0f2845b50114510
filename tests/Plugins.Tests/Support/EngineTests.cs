namespace KdPlugins.Plugins.Tests;

/// <summary>
/// Tests that run the engine. It seeds libtorch's default generators, which one thread of a process can do at a time.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class EngineTests
{
    /// <summary>For <c>[Collection]</c>.</summary>
    public const string Name = "engine";
}
