using System.Reflection;

namespace KdPlugins.Core.Tests.Support;

/// <summary>The plugins that come with the product, in this load context.</summary>
public static class ShippedPlugins
{
    private static readonly string[] Assemblies =
    [
        "KdPlugins.Augmentations",
        "KdPlugins.Datasets",
        "KdPlugins.Losses",
        "KdPlugins.Models",
        "KdPlugins.Strategies",
    ];

    public static TestCatalog Catalog() =>
        new([
            .. Assemblies
                .SelectMany(name => Assembly.Load(name).GetExportedTypes())
                .Where(type => type is { IsClass: true, IsAbstract: false } && typeof(IPlugin).IsAssignableFrom(type)),
        ]);
}
