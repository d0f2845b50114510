using KdPlugins.Host.Loading.Manifest;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>Where the paths of a manifest may lead.</summary>
public sealed class ManifestPathTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kd-manifest-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private string At(string path) => Path.Combine(_root, path);

    [Fact]
    public void A_link_that_leaves_the_folder_is_named_and_one_that_stays_is_not()
    {
        Directory.CreateDirectory(At("plugin/inner"));
        // Its name begins as the folder's does.
        Directory.CreateDirectory(At("plugin-beside"));
        File.WriteAllText(At("plugin-beside/Own.dll"), "");
        File.WriteAllText(At("plugin/inner/Own.dll"), "");
        File.CreateSymbolicLink(At("plugin/Out.dll"), At("plugin-beside/Own.dll"));
        File.CreateSymbolicLink(At("plugin/In.dll"), At("plugin/inner/Own.dll"));
        string? Problem(string path) => ManifestPath.Problem(At("plugin"), path, ".dll");
        Assert.Null(Problem("In.dll"));
        Assert.Null(Problem("inner/Own.dll"));
        Assert.Contains("outside the folder", Problem("Out.dll"));
    }
}
