using System.Reflection;
using KdPlugins.Testing;

namespace KdPlugins.Core.Tests.Support;

/// <summary>The plugins that come with the product, from beside the host, in this load context.</summary>
public static class ShippedPlugins
{
    public static TestCatalog Catalog()
    {
        var output = new DirectoryInfo(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        var root = output.Parent!.Parent!.Parent!.Parent!.Parent!.FullName;
        var folders = Directory.EnumerateDirectories(
            Path.Combine(root, "host", "bin", output.Parent.Name, output.Name, "plugins")
        );
        return TestCatalog.Of([
            .. folders
                .Order(StringComparer.Ordinal)
                .Select(f => Assembly.LoadFrom(Path.Combine(f, $"KdPlugins.{Path.GetFileName(f)}.dll"))),
        ]);
    }
}
