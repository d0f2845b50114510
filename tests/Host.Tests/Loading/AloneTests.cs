namespace KdPlugins.Host.Tests.Loading;

/// <summary>Tests that measure the process's memory, to which all tests beside them would add.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneTests
{
    /// <summary>For <c>[Collection]</c>.</summary>
    public const string Name = "alone";
}
