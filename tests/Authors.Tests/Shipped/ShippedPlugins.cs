using System.Reflection;
using KdPlugins.Authors.Tests.EndToEnd;
using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Testing;

namespace KdPlugins.Authors.Tests.Shipped;

/// <summary>Every plugin beside the host, by its id, with the kit's checks of it.</summary>
internal static class ShippedPlugins
{
    private static readonly Lazy<IReadOnlyDictionary<string, Type>> Found = new(Find);

    /// <summary>The classes by <c>kind/id</c>, such as <c>Loss/kd</c>.</summary>
    internal static IReadOnlyDictionary<string, Type> ByName => Found.Value;

    /// <summary>The kit's suite of a plugin.</summary>
    /// <param name="name">Kind and id.</param>
    /// <param name="settings">The settings of its kind; null for none.</param>
    internal static ConformanceSuite Suite(string name, ConformanceSettings? settings)
    {
        var method = typeof(Conformance).GetMethod(name[..name.IndexOf('/', StringComparison.Ordinal)])!;
        return (ConformanceSuite)method.MakeGenericMethod(ByName[name]).Invoke(null, [settings])!;
    }

    /// <summary>The options of a plugin from JSON, as a recipe gives them.</summary>
    internal static object Options(string name, string json) =>
        OptionsBinder.Bind(((IPlugin)Activator.CreateInstance(ByName[name])!).OptionsType, json, name);

    private static Dictionary<string, Type> Find()
    {
        var folder = Path.Combine(Path.GetDirectoryName(Commands.Kd)!, "plugins");
        var types = Directory
            .EnumerateFiles(folder, "KdPlugins.*.dll", SearchOption.AllDirectories)
            .OrderBy(f => f, StringComparer.Ordinal)
            .DistinctBy(Path.GetFileName)
            .SelectMany(f => Assembly.LoadFrom(f).GetExportedTypes())
            .Where(t => t is { IsAbstract: false, IsClass: true } && typeof(IPlugin).IsAssignableFrom(t));
        var found = new Dictionary<string, Type>();
        foreach (var type in types)
        foreach (var plugin in new TestCatalog(type).Plugins)
            found[$"{plugin.Kind}/{plugin.Id}"] = type;
        return found;
    }
}
