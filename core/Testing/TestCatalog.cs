using System.Reflection;
using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Testing;

/// <summary>A catalog of plugin classes that carry the Sdk's export attributes, without load contexts.</summary>
public sealed class TestCatalog : IPluginCatalog
{
    private readonly List<(PluginDescriptor Descriptor, Type Type)> _entries;

    /// <summary>The plugins of these classes.</summary>
    public TestCatalog(params Type[] types)
    {
        _entries =
        [
            .. types
                .SelectMany(Describe)
                .OrderBy(e => e.Descriptor.Kind)
                .ThenBy(e => e.Descriptor.Id, StringComparer.Ordinal),
        ];
    }

    /// <summary>Every plugin class of these assemblies.</summary>
    public static TestCatalog Of(params Assembly[] assemblies) =>
        new([
            .. assemblies
                .SelectMany(a => a.GetExportedTypes())
                .Where(t => t is { IsClass: true, IsAbstract: false } && typeof(IPlugin).IsAssignableFrom(t)),
        ]);

    /// <inheritdoc/>
    public IReadOnlyList<PluginDescriptor> Plugins => [.. _entries.Select(e => e.Descriptor)];

    /// <summary>How many instances are made and not yet disposed.</summary>
    public int Live { get; private set; }

    /// <summary>This catalog and further plugins.</summary>
    public TestCatalog With(params Type[] types) => new([.. _entries.Select(e => e.Type), .. types]);

    /// <inheritdoc/>
    public IPluginInstance Create(PluginKind kind, string id)
    {
        foreach (var (descriptor, type) in _entries)
            if (descriptor.Kind == kind && descriptor.Id == id)
            {
                Live++;
                return new Instance(this, descriptor, (IPlugin)Activator.CreateInstance(type)!);
            }
        throw UnknownPlugin.Error(
            kind,
            id,
            _entries.Where(e => e.Descriptor.Kind == kind).Select(e => e.Descriptor.Id),
            []
        );
    }

    private static IEnumerable<(PluginDescriptor Descriptor, Type Type)> Describe(Type type)
    {
        foreach (var attribute in type.GetCustomAttributes(inherit: false))
        {
            (PluginKind kind, string id, string version, string description, string paper)? found = attribute switch
            {
                KdAugmentationAttribute a => (PluginKind.Augmentation, a.Id, a.Version, a.Description, a.Paper),
                KdLossAttribute a => (PluginKind.Loss, a.Id, a.Version, a.Description, a.Paper),
                KdGeneratorAttribute a => (PluginKind.Generator, a.Id, a.Version, a.Description, a.Paper),
                KdStrategyAttribute a => (PluginKind.Strategy, a.Id, a.Version, a.Description, a.Paper),
                KdModelAttribute a => (PluginKind.Model, a.Id, a.Version, a.Description, a.Paper),
                KdDatasetAttribute a => (PluginKind.Dataset, a.Id, a.Version, a.Description, a.Paper),
                KdMeterAttribute a => (PluginKind.Meter, a.Id, a.Version, a.Description, a.Paper),
                KdToolAttribute a => (PluginKind.Tool, a.Id, a.Version, a.Description, a.Paper),
                _ => null,
            };
            if (found is not var (kind, id, version, description, paper))
                continue;
            var options = ((IPlugin)Activator.CreateInstance(type)!).OptionsType;
            var assembly = type.Assembly.GetName().Name!;
            yield return (new PluginDescriptor(kind, id, version, description, paper, assembly, "", options), type);
        }
    }

    private sealed class Instance(TestCatalog owner, PluginDescriptor descriptor, IPlugin plugin) : IPluginInstance
    {
        private bool _disposed;

        public PluginDescriptor Descriptor => descriptor;

        public IPlugin Plugin => plugin;

        public void Dispose()
        {
            if (_disposed)
                return;
            _disposed = true;
            owner.Live--;
            (plugin as IDisposable)?.Dispose();
        }
    }
}
