using PublicApiGenerator;
using Snapshooter.Xunit;
using Xunit;

namespace KdPlugins.Tests.Students;

/// <summary>Every change of what applications build on is visible in the review of a snapshot.</summary>
public sealed class PublicApiTests
{
    [Fact]
    public void The_public_surface_is_the_reviewed_one() =>
        Snapshot.Match(
            typeof(Student).Assembly.GeneratePublicApi(new ApiGeneratorOptions { IncludeAssemblyAttributes = false })
        );
}
