using KdPlugins.Core;
using PublicApiGenerator;
using Snapshooter.Xunit;

namespace KdPlugins.Authors.Tests.Packages;

/// <summary>
/// F# has no analyzer for its public surface: this snapshot is the reviewed one of what authors get with the Sdk. After a
/// wanted change, copy <c>__snapshots__/__mismatch__</c> over it.
/// </summary>
public sealed class CoreApiTests
{
    [Fact]
    public void The_public_surface_of_the_core_is_the_reviewed_one() =>
        Snapshot.Match(
            typeof(IPlugin).Assembly.GeneratePublicApi(new ApiGeneratorOptions { IncludeAssemblyAttributes = false })
        );
}
