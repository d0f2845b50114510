using System.Reflection;
using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

/// <summary>A catalog whose strategies tell of the modules that they plan with: registered state, added and given roles.</summary>
/// <param name="inner">Makes the plugins.</param>
/// <param name="found">Told of each module with what it is, such as <c>state 'encoder'</c>.</param>
/// <param name="stages">Looks at the steps that are planned; null for nobody.</param>
internal sealed class PlanWatch(IPluginCatalog inner, Action<string, nn.Module> found, StageWatch? stages = null)
    : IPluginCatalog
{
    private IPlanContext? _plan;

    public IReadOnlyList<PluginDescriptor> Plugins => inner.Plugins;

    public IPluginInstance Create(PluginKind kind, string id)
    {
        var made = inner.Create(kind, id);
        return kind == PluginKind.Strategy ? new Instance(made, Watched((IDistillationStrategy)made.Plugin)) : made;
    }

    private IDistillationStrategy Watched(IDistillationStrategy strategy) =>
        Forwarder<IDistillationStrategy>.Around(
            strategy,
            (method, arguments) =>
            {
                if (method == nameof(IDistillationStrategy.Plan))
                    arguments[0] = Watched(_plan = (IPlanContext)arguments[0]!);
            },
            result =>
                result is IReadOnlyList<Stage> planned && stages is not null ? stages.Around(_plan!, planned) : result
        );

    private IPlanContext Watched(IPlanContext context)
    {
        foreach (var role in context.Roles)
            found($"the network of role '{role}'", context.Network(role).Module);
        return Forwarder<IPlanContext>.Around(
            context,
            (method, arguments) =>
            {
                if (method == nameof(IPlanContext.AddRole))
                    found($"the network of role '{arguments[0]}'", ((INetwork)arguments[1]!).Module);
            },
            result => result is IStateRegistry state ? Watched(state) : result
        );
    }

    private IStateRegistry Watched(IStateRegistry state) =>
        Forwarder<IStateRegistry>.Around(
            state,
            (_, arguments) =>
            {
                if (arguments is [var name, nn.Module module])
                    found($"the state '{name}'", module);
            },
            result => result
        );

    private sealed class Instance(IPluginInstance inner, IPlugin plugin) : IPluginInstance
    {
        public PluginDescriptor Descriptor => inner.Descriptor;

        public IPlugin Plugin => plugin;

        public void Dispose() => inner.Dispose();
    }
}

/// <summary>An interface's implementation that hands every call on.</summary>
internal class Forwarder<T> : DispatchProxy
    where T : class
{
    private T _inner = null!;
    private Action<string, object?[]> _before = null!;
    private Func<object?, object?> _after = null!;

    /// <summary>Around an object; before sees and may change the arguments, after may replace what comes back.</summary>
    internal static T Around(T inner, Action<string, object?[]> before, Func<object?, object?> after)
    {
        var proxy = Create<T, Forwarder<T>>();
        var forwarder = (Forwarder<T>)(object)proxy;
        (forwarder._inner, forwarder._before, forwarder._after) = (inner, before, after);
        return proxy;
    }

    /// <inheritdoc/>
    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        var arguments = args ?? [];
        _before(targetMethod!.Name, arguments);
        return _after(
            targetMethod.Invoke(_inner, BindingFlags.DoNotWrapExceptions, binder: null, arguments, culture: null)
        );
    }
}
