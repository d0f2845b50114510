using System.Composition.Hosting;
using System.Reflection;
using KdPlugins.Host.Loading.Inspection;

namespace KdPlugins.Host.Loading.Parts;

/// <summary>
/// Composes the parts of one entry assembly by MEF. One part that cannot be satisfied would poison its whole contract;
/// where that happens every part is tried alone, the failing ones are rejected by name, and the rest is composed.
/// </summary>
internal sealed class PartComposer
{
    private readonly List<Type> _helpers = [];
    private readonly Dictionary<PartFact, Type> _types = [];

    /// <summary>The parts that compose.</summary>
    internal List<ComposedPart> Parts { get; } = [];

    /// <summary>The parts that do not.</summary>
    internal List<RejectedPart> Rejected { get; } = [];

    /// <summary>Keeps the parts alive; dispose it before the context is unloaded.</summary>
    internal CompositionHost? Host { get; private set; }

    internal static PartComposer Compose(Assembly assembly, AssemblyFacts facts)
    {
        var composer = new PartComposer();
        foreach (var name in facts.BareExports)
            Guard.Catch(() => composer._helpers.Add(assembly.GetType(name, throwOnError: true)!));
        foreach (var fact in facts.Parts.Where(p => p.Problem is null))
            if (Guard.Catch(() => composer._types[fact] = assembly.GetType(fact.TypeName, true)!) is { } failure)
                composer.Rejected.Add(new(fact, failure));
        if (Guard.Catch(composer.ComposeAll) is not null)
            composer.ComposeSound();
        return composer;
    }

    private void ComposeSound()
    {
        foreach (var fact in _types.Keys.ToList())
            if (Guard.Catch(() => Try([fact])) is { } failure)
                Reject(fact, failure);
        if (Guard.Catch(ComposeAll) is { } together)
            foreach (var fact in _types.Keys.ToList())
                Reject(fact, together);
    }

    private void ComposeAll()
    {
        Parts.Clear();
        Host = Configure(_types.Keys);
        foreach (var group in _types.Keys.GroupBy(f => f.Kind))
        {
            var byId = Factories.Of(Host, group.Key).ToDictionary(f => f.Id, f => f.New);
            Parts.AddRange(group.Select(fact => new ComposedPart(fact, byId[fact.Id])));
        }
    }

    private void Try(PartFact[] facts)
    {
        using var host = Configure(facts);
        foreach (var fact in facts)
            _ = Factories.Of(host, fact.Kind).Single(f => f.Id == fact.Id);
    }

    private CompositionHost Configure(IEnumerable<PartFact> facts) =>
        new ContainerConfiguration().WithParts([.. facts.Select(f => _types[f]), .. _helpers]).CreateContainer();

    private void Reject(PartFact fact, Failure failure)
    {
        _types.Remove(fact);
        Rejected.Add(new(fact, failure));
    }
}
