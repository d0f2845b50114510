using KdPlugins.Core;

namespace KdPlugins.Host.Loading.Folders;

/// <summary>An instance that the composition made; disposing it disposes what was made for it.</summary>
internal sealed class PluginInstance(PluginDescriptor descriptor, IPlugin plugin, Action release) : IPluginInstance
{
    private Action? _release = release;
    private IPlugin? _plugin = plugin;

    public PluginDescriptor Descriptor { get; } = descriptor;

    public IPlugin Plugin => _plugin ?? throw new ObjectDisposedException($"plugin {Descriptor.Id}");

    public void Dispose()
    {
        _plugin = null;
        Interlocked.Exchange(ref _release, null)?.Invoke();
    }
}
