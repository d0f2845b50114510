using System.Runtime.CompilerServices;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Torch;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>The plugins that are built with the host.</summary>
public sealed class ShippedPluginTests
{
    private static string Folder
    {
        get
        {
            var output = new DirectoryInfo(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
            var root = output.Parent!.Parent!.Parent!.Parent!.Parent!.FullName;
            return Path.Combine(root, "host", "bin", output.Parent.Name, output.Name, "plugins");
        }
    }

    [Fact]
    public void All_of_them_load_without_a_word()
    {
        using var catalog = FolderPluginCatalog.Load(Folder);
        Assert.Empty(catalog.Findings);
        Assert.Empty(catalog.Folders.SelectMany(f => f.Findings));
        Assert.NotEmpty(catalog.Plugins);
        Assert.All(catalog.Statuses, s => Assert.Equal(PluginState.Active, s.State));
    }

    [Fact]
    public void All_of_them_unload_after_use()
    {
        var results = UseAll();
        Assert.NotEmpty(results);
        foreach (var result in results)
            Assert.True(result.IsUnloaded, result.ToString());
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static IReadOnlyList<UnloadResult> UseAll()
    {
        var catalog = FolderPluginCatalog.Load(Folder);
        CreateAll(catalog);
        return catalog.Unload();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void CreateAll(FolderPluginCatalog catalog)
    {
        foreach (var descriptor in catalog.Plugins)
        {
            using var instance = catalog.Create(descriptor.Kind, descriptor.Id);
            try
            {
                instance.Plugin.Configure(Activator.CreateInstance(descriptor.OptionsType)!);
            }
            catch (KdException)
            {
                // A data set wants a path that exists; the plugin has run all the same.
            }
        }
    }
}
