using KdPlugins.Host.Loading.Folders;

namespace KdPlugins.Host.Service.Plugins;

/// <summary>A copy of the plugin folder as it was at one moment: whatever happens to the original, runs keep this one.</summary>
/// <param name="Name">Made from the folders' contents.</param>
/// <param name="Folder">Where it lies.</param>
/// <param name="Folders">The hash of each plugin folder, by name.</param>
/// <param name="Catalog">Its plugins, loaded in this process to read recipes with.</param>
internal sealed record PluginSet(
    string Name,
    string Folder,
    IReadOnlyDictionary<string, string> Folders,
    FolderPluginCatalog Catalog
);

/// <summary>A set that is in use: it stays until this is disposed.</summary>
internal sealed class PluginLease(string name, string folder, Action release) : IDisposable
{
    private Action? _release = release;

    /// <summary>The set's name.</summary>
    internal string Name => name;

    /// <summary>Its folder.</summary>
    internal string Folder => folder;

    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}

/// <summary>A folder that the latest change did not bring into use.</summary>
/// <param name="Folder">Its name.</param>
/// <param name="Reason">Why.</param>
/// <param name="KeptOld">Whether its earlier version stays in use.</param>
internal sealed record PluginTrouble(string Folder, string Reason, bool KeptOld);
