using System.Composition;
using KdPlugins.Core;
using KdPlugins.Host.Loading.Inspection;

namespace KdPlugins.Host.Loading.Parts;

/// <summary>A part that composes: what it is, and how an instance is made and given back.</summary>
internal sealed record ComposedPart(PartFact Fact, Func<(IPlugin Plugin, Action Release)> New);

/// <summary>A part that does not compose, and why.</summary>
internal sealed record RejectedPart(PartFact Fact, Failure Failure);

/// <summary>Asks a composition for the factories of one contract.</summary>
internal static class Factories
{
    internal static IEnumerable<(string Id, Func<(IPlugin, Action)> New)> Of(
        CompositionContext host,
        PluginKind kind
    ) =>
        kind switch
        {
            PluginKind.Augmentation => Of<IAugmentation>(host),
            PluginKind.Loss => Of<IDistillationLoss>(host),
            PluginKind.Generator => Of<IGenerator>(host),
            PluginKind.Strategy => Of<IDistillationStrategy>(host),
            PluginKind.Model => Of<IModelPlugin>(host),
            PluginKind.Dataset => Of<IDatasetPlugin>(host),
            PluginKind.Meter => Of<IMeter>(host),
            PluginKind.Tool => Of<ITool>(host),
            _ => [],
        };

    // The dictionary, not a view class: a view would throw for the whole contract where one part lacks a key.
    private static IEnumerable<(string, Func<(IPlugin, Action)>)> Of<T>(CompositionContext host)
        where T : IPlugin =>
        host.GetExports<ExportFactory<T, IDictionary<string, object>>>()
            .Where(f => f.Metadata.TryGetValue("Id", out var id) && id is string)
            .Select(f => ((string)f.Metadata["Id"], New(f)));

    private static Func<(IPlugin, Action)> New<T>(ExportFactory<T> factory)
        where T : IPlugin =>
        () =>
        {
            var export = factory.CreateExport();
            return (export.Value, export.Dispose);
        };
}
