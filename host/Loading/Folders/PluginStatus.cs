using KdPlugins.Core;

namespace KdPlugins.Host.Loading.Folders;

/// <summary>Where a plugin stands.</summary>
public enum PluginState
{
    /// <summary>It can be used.</summary>
    Active,

    /// <summary>Pre-flight refused it; no code of it ran.</summary>
    Refused,

    /// <summary>It was loaded, and failed then.</summary>
    LoadError,

    /// <summary>Another plugin with its id is used.</summary>
    Superseded,

    /// <summary>It was unloaded.</summary>
    Unloaded,
}

/// <summary>A plugin that was found, whether it can be used or not.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Id">The id in recipes.</param>
/// <param name="Version">The version as its attribute has it.</param>
/// <param name="Folder">The name of its folder.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Reason">Why it is not active; null where it is.</param>
public sealed record PluginStatus(
    PluginKind Kind,
    string Id,
    string Version,
    string Folder,
    PluginState State,
    Finding? Reason
);

/// <summary>A folder of plugins that was found.</summary>
/// <param name="Name">The folder's name.</param>
/// <param name="Path">Its path.</param>
/// <param name="State">Where it stands as a whole.</param>
/// <param name="Findings">Everything there is to say about it.</param>
/// <param name="LoadTime">How long inspection, loading and composition took.</param>
public sealed record FolderStatus(
    string Name,
    string Path,
    PluginState State,
    IReadOnlyList<Finding> Findings,
    TimeSpan LoadTime
);
