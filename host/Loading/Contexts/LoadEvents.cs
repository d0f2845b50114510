using System.Diagnostics.Tracing;

namespace KdPlugins.Host.Loading.Contexts;

/// <summary>One structured event per resolution, for <c>dotnet-trace</c> and in-process listeners.</summary>
[EventSource(Name = "KdPlugins-Loading")]
internal sealed class LoadEvents : EventSource
{
    internal static readonly LoadEvents Log = new();

    /// <summary>A plugin's context asked for an assembly.</summary>
    [Event(1, Level = EventLevel.Informational)]
    public void Resolved(string plugin, string assembly, string tier, string provided) =>
        WriteEvent(1, plugin, assembly, tier, provided);
}
