using KdPlugins.Core;
using KdPlugins.Host.Loading.Inspection;
using KdPlugins.Host.Loading.Parts;

namespace KdPlugins.Host.Loading.Folders;

/// <summary>One plugin of a folder on its way from metadata to use.</summary>
internal sealed class LoadedPart(PartFact fact)
{
    internal PartFact Fact { get; } = fact;
    internal PluginState State { get; private set; } = PluginState.Active;
    internal Finding? Reason { get; private set; }
    internal ComposedPart? Composed { get; set; }
    internal PluginDescriptor? Descriptor { get; set; }

    internal void Fail(PluginState state, Finding? reason)
    {
        State = state;
        Reason = reason;
        Composed = null;
        Descriptor = null;
    }

    /// <summary>Forgets whatever belongs to the plugin's context.</summary>
    internal void Forget()
    {
        Composed = null;
        Descriptor = null;
        if (State == PluginState.Active)
            State = PluginState.Unloaded;
    }
}
